"""Which inputs several tests have in common: those of one name that show the same, at whatever size."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from translate.reports.tested import Tested
from translate.reports.thumbnails import shrunk

SIDE_PX = 16
NEAR = 8.0  # grey levels, mean over a tiny copy: scaling and JPEG stay far below, another photograph far above
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def common_inputs(runs: Sequence[Tested]) -> tuple[list[str], list[str]]:
    """The names of the inputs that all runs were tested on, and sentences about those that they were not."""
    first = runs[0]
    shared = [name for name in first.files if all(_has(run, name) for run in runs)]
    others = {run.name: [name for name in shared if not _same(first, run, name)] for run in runs[1:]}
    different = set().union(*others.values())
    common = [name for name in shared if name not in different]
    said = []
    if not common:
        return [], ["The runs have no input in common, so no pictures are shown."]
    extra = {run.name: sum(_has(run, name) for name in run.files) - len(shared) for run in runs}
    if any(extra.values()):
        more = ", ".join(f"{count:,} of {name}" for name, count in extra.items() if count)
        said.append(
            f"Only the {len(common):,} inputs that all runs were tested on are shown, without {more}; each run was "
            "measured on all of its own."
        )
    said += [
        f"{len(names):,} inputs of {run} show something else than those of {first.name} of the same name, such as "
        f"{names[0]}, and are left out."
        for run, names in others.items()
        if names
    ]
    return common, said


def same_picture(one: Path, other: Path) -> bool:
    """Whether two files show the same, perhaps at another size or in another format."""
    try:
        if one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes():
            return True
        return float(np.abs(_tiny(one) - _tiny(other)).mean()) < NEAR
    except UNREADABLE:
        return False


def _has(run: Tested, name: str) -> bool:
    """Whether both the input and its translation are there."""
    return {run.source, run.result} <= run.files.get(name, {}).keys()


def _same(first: Tested, other: Tested, name: str) -> bool:
    paths = (run.folder / run.files[name][run.source] for run in (first, other))
    return same_picture(*paths)


def _tiny(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        picture.draft("RGB", (4 * SIDE_PX, 4 * SIDE_PX))
        small = shrunk(picture, (4 * SIDE_PX, 4 * SIDE_PX)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)
