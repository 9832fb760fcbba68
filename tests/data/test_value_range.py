"""The map between the values of a domain and [-1, 1]."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.data.value_range import ValueRange, parse_range
from translate.errors import InputError

ALL_OF_16_BITS = np.arange(65536, dtype=np.uint16)


@pytest.mark.parametrize("ends", [(0, 65535), (0, 3071), (-1024, 70000), (100, 101)])
def test_every_level_of_16_bits_within_a_range_comes_back(ends):
    values = ALL_OF_16_BITS[(ends[0] <= ALL_OF_16_BITS.astype(int)) & (ends[1] >= ALL_OF_16_BITS)]
    found = ValueRange(*ends, "uint16").from_signed(ValueRange(*ends).to_signed(values))
    assert found.dtype == np.uint16
    assert np.array_equal(found, values)


@given(st.integers(-(2**20), 2**20), st.integers(1, 2**20), st.data())
def test_integers_come_back_from_any_range_of_20_bits(low, width, data):
    value = data.draw(st.integers(low, low + width))
    both = ValueRange(low, low + width, "int32")
    assert both.from_signed(both.to_signed(np.array([value], np.int32))).tolist() == [value]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(0, 1))
def test_floats_come_back_as_exactly_as_float32_holds_the_place_in_the_range(low, width, place):
    value = low + place * width
    both = ValueRange(low, low + width, "float64")
    found = both.from_signed(both.to_signed(np.array([value])))
    assert found[0] == pytest.approx(value, abs=1e-7 * width + 1e-9 * abs(low))


def test_the_ends_are_black_and_white_and_nothing_goes_beyond():
    signed = ValueRange(-1000, 3000).to_signed(np.array([-9000, -1000, 1000, 3000, 9000]))
    assert signed.dtype == np.float32
    assert signed.tolist() == [-1, -1, 0, 1, 1]
    assert ValueRange(-1000, 3000, "int16").from_signed(np.float32([-1.5, 0.0001, 1.5])).tolist() == [-1000, 1000, 3000]


def test_the_share_outside():
    assert ValueRange(0, 2).share_outside(np.array([-1, 0, 1, 2, 3, 4])) == 0.5


@pytest.mark.parametrize(
    ("dtypes", "ends", "dtype"),
    [
        ({"uint16"}, (0, 65535), "uint16"),
        ({"int16"}, (-1024, 3071), "int16"),
        ({"uint8", "uint16"}, (0, 4095), "uint16"),
        ({"uint16", "int16"}, (0, 4095), "int32"),
        ({"uint16", "float32"}, (0, 1), "float32"),
        ({"uint8"}, (0, 200), "uint8"),
        ({"uint8"}, (0, 300), "int16"),
        ({"uint16"}, (-100, 60000), "int32"),
        ({"int32"}, (0, 2**31), "float64"),
    ],
)
def test_a_domain_has_the_type_that_holds_all_of_its_files_and_its_range(dtypes, ends, dtype):
    assert ValueRange(*ends).of_types(dtypes) == ValueRange(*ends, dtype)


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_what_is_printed_can_be_given(low, width):
    assert parse_range(str(ValueRange(low, low + width))) == ValueRange(low, low + width)


@pytest.mark.parametrize("text", ["", "5", "1,2,3", "a,b", "3071,0", "1,1", "0,inf", "nan,1"])
def test_what_is_no_range_is_refused_with_its_flag(text):
    with pytest.raises(InputError, match="--range_B"):
        parse_range(text, "range_B")
