"""Features that an earlier run computed, kept in the cache folder: 8 KB a picture with 2048 of them.

The cache only saves time: a file that is missing, damaged, of another form or that cannot be written is as good as
none.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from translate.data.known import default_cache_folder
from translate.errors import RunError
from translate.files import replace_atomically

FORM = 1  # of the files; another one is computed anew


def kept_features(key: str, count: int, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Features by a key that names pictures, protocol and extractor; computed and kept if they are not there.

    Args:
        key: becomes the file's name.
        count: of pictures.
        compute: gives float32 (count, D).
    """
    path = default_cache_folder() / "features" / f"{key}.npz"
    found = _load(path, count)
    if found is None:
        found = compute()
        _save(path, found)
    return found


def _load(path: Path, count: int) -> np.ndarray | None:
    try:
        # Numpy's own reader of zip archives checks each part's checksum.
        with np.load(path, allow_pickle=False) as content:
            form, features = int(content["form"]), content["features"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None
    is_whole = features.dtype == np.float32 and features.ndim == 2 and len(features) == count
    return features if form == FORM and is_whole and np.isfinite(features).all() else None


def _save(path: Path, features: np.ndarray) -> None:
    try:
        replace_atomically(path, lambda file: np.savez(file, form=FORM, features=features))
    except RunError:
        return
