import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import pytest

from translate.data import quiet
from translate.data.quiet import no_pillow_warnings

THREADS = 8


def warn_as(module):
    warnings.warn_explicit("beware", UserWarning, "file.py", 1, module=module)


@pytest.mark.parametrize("aware", [False, True])
def test_only_pillow_is_silenced(monkeypatch, aware):
    """Also where Python keeps the filters of each thread apart by itself."""
    monkeypatch.setattr(quiet, "sys", SimpleNamespace(flags=SimpleNamespace(context_aware_warnings=aware)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with no_pillow_warnings():
            warn_as("PIL.Image")
            warn_as("PIL")
            for other in ("PILLOW", "torch.nn"):
                with pytest.raises(UserWarning, match="beware"):
                    warn_as(other)
        with pytest.raises(UserWarning, match="beware"):
            warn_as("PIL.Image")


def test_threads_that_overlap_restore_the_filters_once():
    entered, left = Barrier(THREADS), Barrier(THREADS)

    def work(_):
        with no_pillow_warnings():
            entered.wait()
            warn_as("PIL.Image")
            left.wait()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        with ThreadPoolExecutor(THREADS) as executor:
            list(executor.map(work, range(THREADS)))
        assert list(warnings.filters) == before


def test_an_error_inside_ends_the_silence():
    before = list(warnings.filters)
    with pytest.raises(ZeroDivisionError), no_pillow_warnings():
        raise ZeroDivisionError
    assert list(warnings.filters) == before
