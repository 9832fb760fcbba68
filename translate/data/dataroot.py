"""What ``--dataroot`` means: a folder, or the name of a known dataset."""

import os
from pathlib import Path

from translate.called import spoken
from translate.data.catalog import Catalog, KnownDataset, load_catalog
from translate.data.fetching import describe, fetch_dataset, is_there
from translate.data.listing import shown
from translate.errors import Described, InputError
from translate.registry import did_you_mean

DATASETS = Path("datasets")  # of the current folder


def resolve_dataroot(
    dataroot: str,
    mode: str = "unaligned",
    *,
    partners: bool = True,
    fetch: bool = True,
    catalog: Catalog | None = None,
) -> Path:
    """The folder that ``--dataroot`` names.

    A path that exists is that. Else a word without a path separator that names a known dataset is
    ``datasets/<name>`` below the current folder, downloaded unless it is there.

    Args:
        mode: as of ``--dataset_mode``. For pairs (``aligned``) some datasets have a form of their own; what a method
            could not read is not downloaded.
        partners: whether pairs must be whole; a test needs their A alone.
        fetch: False to say what would be downloaded rather than do it.

    Raises:
        InputError: neither, or it cannot be fetched.
        RunError: the disk is too small or refuses.
        Described: it would have to be downloaded.
    """
    if os.path.exists(dataroot):
        return Path(dataroot)
    catalog = catalog or load_catalog()
    separators = {"/", os.sep, os.altsep} - {None}
    if any(separator in dataroot for separator in separators):
        return _missing_path(Path(dataroot), catalog)
    known = catalog.find(dataroot)
    if known is None:
        raise InputError(
            f"--dataroot {shown(dataroot)} does not exist; give the folder that holds trainA and trainB, or the name "
            f"of a known dataset: {did_you_mean(dataroot, [*catalog.names(), *_folders()])}"
        )
    known = catalog.for_pairs(known) if mode == "aligned" else known
    folder = DATASETS / known.name
    if is_there(folder):
        return folder
    _refuse_useless(known, mode, partners)
    if not fetch and known.downloads:
        raise Described(
            f"would download {describe(known, folder)} (licence: {known.licence}); {spoken('download')} "
            f"{known.name} does just that, and then a dry run can say more"
        )
    fetch_dataset(known, folder)
    return folder


def _refuse_useless(known: KnownDataset, mode: str, partners: bool) -> None:
    """Gigabytes are not fetched for a method that could not read them."""
    if not known.downloads:
        return
    if known.pairs and mode in ("unaligned", "singleimage"):
        raise InputError(
            f"--dataroot {known.name} holds pairs side by side in one file, which methods that learn from two domains "
            "cannot read; use --model pix2pix, or another dataset"
        )
    if not known.pairs and mode == "aligned" and partners:
        raise InputError(
            f"--dataroot {known.name} holds two domains without pairs, and pairs are to be learned from; use --model "
            "cut, or a dataset of pairs such as facades"
        )


def _missing_path(path: Path, catalog: Catalog) -> Path:
    """A path that is not there: a hint for those who type the reference's ``./datasets/horse2zebra``."""
    known = catalog.find(path.name)
    if known is None:
        return path  # whoever opens it says that it does not exist
    does = "downloads it" if known.downloads else "says how to get it"
    raise InputError(
        f"--dataroot {shown(path)} does not exist; give the folder that holds trainA and trainB, or the name alone: "
        f"--dataroot {known.name} {does}"
    )


def _folders() -> list[str]:
    """What else may be meant: folders here and in ``datasets``."""
    places = [Path(), DATASETS]
    return [str(path) for place in places if place.is_dir() for path in place.iterdir() if path.is_dir()]
