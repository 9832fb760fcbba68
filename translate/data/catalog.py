"""The datasets that are known by name: what they hold, where they come from, under what terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import yaml

from translate.errors import InputError
from translate.registry import did_you_mean
from translate.shipped import shipped

KNOWN = shipped("datasets") / "known.yaml"


@dataclass(frozen=True)
class Download:
    """A file that is fetched.

    Attributes:
        urls: where it is, in the order in which they are tried.
        bytes: its size, where a source states it.
        sha256: its SHA-256 in hexadecimal digits, or the first of them, where a source states it.
        to: the path that it gets within the dataset's folder; None for an archive, which is unpacked.
    """

    urls: tuple[str, ...]
    bytes: int | None = None
    sha256: str | None = None
    to: str | None = None

    @property
    def file_name(self) -> str:
        """What the file is called where it comes from, such as ``horse2zebra.zip``."""
        return PurePosixPath(urlsplit(self.urls[0]).path).name


@dataclass(frozen=True)
class KnownDataset:
    """An entry of ``datasets/known.yaml``, whose head explains the fields."""

    name: str
    domains: Mapping[str, str]
    licence: str
    page: str
    counts: Mapping[str, int] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    instructions: str | None = None
    aliases: tuple[str, ...] = ()
    pairs: bool = False
    paired: str | None = None
    folders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note: str | None = None

    @property
    def bytes(self) -> int | None:
        """The size of all downloads, or None where one is not known."""
        sizes = [each.bytes for each in self.downloads]
        return sum(sizes) if sizes and None not in sizes else None


class Catalog:
    """Known datasets by name. Letter case, ``-`` and ``_`` do not count.

    >>> load_catalog().find("Horse-2-Zebra").name
    'horse2zebra'
    """

    def __init__(self, datasets: list[KnownDataset], file: Path | None = None):
        self.datasets = datasets
        self.file = file
        self._by_name: dict[str, KnownDataset] = {}
        for known in datasets:
            for name in (known.name, *known.aliases):
                if self._by_name.setdefault(_plain(name), known) is not known:
                    raise InputError(f"{file}: {name} names two datasets; rename one of them")

    def names(self) -> list[str]:
        """The names of all datasets, without their aliases."""
        return sorted(known.name for known in self.datasets)

    def find(self, name: str) -> KnownDataset | None:
        """The dataset of this name or alias, or None."""
        return self._by_name.get(_plain(name))

    def __getitem__(self, name: str) -> KnownDataset:
        """The dataset of this name.

        Raises:
            InputError: there is none; it names the nearest.
        """
        known = self.find(name)
        if known is None:
            raise InputError(f"unknown dataset {name!r}: {did_you_mean(name, self.names())}")
        return known

    def for_pairs(self, known: KnownDataset) -> KnownDataset:
        """The set that a method gets that learns from pairs: itself, or that of the same pictures side by side."""
        return self[known.paired] if known.paired else known


def load_catalog(file: Path | None = None) -> Catalog:
    """Read a list of datasets.

    Args:
        file: its path; default: the list of this library.

    Raises:
        InputError: the list is missing or an entry is wrong; it names the entry.
    """
    file = file or KNOWN
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"the list of known datasets is missing: no file {file}; install the library again") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{file} is no list of datasets: {' '.join(str(error).split())}") from None
    entries = content.get("datasets") if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise InputError(f"{file} is no list of datasets: it needs 'datasets:' with names below it")
    return Catalog([_read(file, str(name), entry) for name, entry in entries.items()], file)


def _read(file: Path, name: str, entry: Any) -> KnownDataset:
    try:
        known = _make(name, dict(entry))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{file}: the entry {name} is wrong: {error}; compare it with the others") from None
    if bool(known.downloads) == bool(known.instructions):
        raise InputError(f"{file}: the entry {name} needs either downloads or instructions")
    return known


def _make(name: str, entry: dict[str, Any]) -> KnownDataset:
    _refuse_path(name)
    entry["downloads"] = tuple(_download(each) for each in entry.get("downloads", ()))
    entry["aliases"] = tuple(entry.get("aliases", ()))
    entry["folders"] = {target: tuple(sources) for target, sources in entry.get("folders", {}).items()}
    if "A" not in entry["domains"] or not all(isinstance(words, str) for words in entry["domains"].values()):
        raise ValueError("domains needs words for A, and for B if there is one")
    return KnownDataset(name, **entry)


def _download(entry: Mapping[str, Any]) -> Download:
    download = Download(**{**entry, "urls": tuple(entry["urls"])})
    for url in download.urls:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url} is no http or https address")
    _refuse_path(download.file_name)
    if download.to is not None and (PurePosixPath(download.to).is_absolute() or ".." in download.to.split("/")):
        raise ValueError(f"{download.to} leaves the dataset's folder")
    return download


def _refuse_path(name: str) -> None:
    """A name becomes that of a file or folder, which it must not lead out of."""
    if not name or name.startswith(".") or any(char in name for char in "/\\:\0"):
        raise ValueError(f"{name!r} cannot be the name of a file")


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
