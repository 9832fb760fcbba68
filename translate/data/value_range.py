"""Which values of a domain become black and white, and of which type its values are."""

import math
from typing import Any, NamedTuple

import numpy as np

from translate.errors import InputError


class ValueRange(NamedTuple):
    """The linear map between the values of a domain and what networks see: ``low`` is -1 and ``high`` is 1.

    A network computes in float32, so a range is seen in about 2**24 steps; 16-bit integers come back exactly.

    ``dtype`` is the type of the domain's values by its name in numpy, which results are written in.

    >>> ct = ValueRange(-1000.0, 3000.0, "int16")
    >>> ct.to_signed(np.array([-1000, 1000, 3000], np.int16))
    array([-1.,  0.,  1.], dtype=float32)
    >>> ct.from_signed(np.array([-1, 0, 1], np.float32))
    array([-1000,  1000,  3000], dtype=int16)
    """

    low: float
    high: float
    dtype: str = "float32"

    def __str__(self) -> str:
        return ",".join(repr(end).removesuffix(".0") for end in self[:2])

    def to_signed(self, values: np.ndarray) -> np.ndarray:
        """Values of the domain -> float32 in [-1, 1], any shape; those outside the range become its ends."""
        signed = (values.astype(np.float64) - self.low) * (2 / (self.high - self.low)) - 1
        return signed.clip(-1, 1).astype(np.float32)

    def from_signed(self, signed: np.ndarray) -> np.ndarray:
        """float32 in [-1, 1] -> values of the domain, any shape: integers rounded to the nearest."""
        values = (signed.astype(np.float64).clip(-1, 1) + 1) * ((self.high - self.low) / 2) + self.low
        if self.is_integer:
            values = np.rint(values)
        return values.astype(self.dtype)

    @property
    def is_integer(self) -> bool:
        return np.issubdtype(np.dtype(self.dtype), np.integer)

    def share_outside(self, values: np.ndarray) -> float:
        """Which share (0-1) of these values is cut to the range."""
        return float(np.mean((values < self.low) | (values > self.high)))

    def of_types(self, dtypes: set[str]) -> "ValueRange":
        """The same range for a domain whose files hold these types (names of numpy): of the type that holds them all,
        or of another one where that does not reach as far as the range."""
        dtype = np.result_type(*map(np.dtype, sorted(dtypes))).name
        if np.issubdtype(np.dtype(dtype), np.integer):
            reaching = (each for each in (dtype, "int16", "uint16", "int32") if self._lies_in(np.iinfo(each)))
            dtype = next(reaching, "float64")
        return self._replace(dtype=dtype)

    def _lies_in(self, limits: np.iinfo) -> bool:
        return limits.min <= self.low and self.high <= limits.max

    def to_json(self) -> dict[str, Any]:
        return self._asdict()


def parse_range(text: str, flag: str = "range") -> ValueRange:
    """The range that ``--range_A LOW,HIGH`` means.

    >>> parse_range("0,3071")
    ValueRange(low=0.0, high=3071.0, dtype='float32')

    Raises:
        InputError: not two finite numbers, or the first is not the smaller.
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise InputError(f"--{flag} {text} is not LOW,HIGH; give two numbers such as --{flag} 0,4095") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"--{flag} {text}: LOW, which becomes black, must be less than HIGH; both must be finite")
    return ValueRange(low, high)
