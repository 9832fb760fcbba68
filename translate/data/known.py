"""Pictures that an earlier run found good, remembered by path, size and time of change."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import PIL

from translate.data.reading import Depth, Header
from translate.errors import RunError
from translate.files import write_text

# What is good depends on who reads: another version of either looks again.
READER = f"1, Pillow {PIL.__version__}"


class KnownPictures:
    """The headers of good pictures of one folder, kept in a JSON file in the cache folder.

    The cache only saves time: a file that is missing, damaged, of another version or that cannot be
    written is as good as an empty one.
    """

    def __init__(self, paths: Sequence[Path], cache_folder: Path | None = None):
        parents = {os.path.realpath(Path(path).parent) for path in paths}
        self.folder = Path(os.path.commonpath(parents)) if parents else Path()
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        self.file = (cache_folder or default_cache_folder()) / f"pictures_{name}.json"
        self._entries = _load(self.file)
        self._fingerprints: dict[Path, tuple[int, int] | None] = {}
        self._changed = False

    def get(self, path: Path) -> Header | None:
        """The header of a picture that has not changed since it was found good, or None."""
        self._fingerprints[path] = _fingerprint(path)
        match self._entries.get(self._key(path)):
            case [int(size), int(time_ns), int(width), int(height), 1 | 3 as channels, *depth]:
                if (size, time_ns) == self._fingerprints[path]:
                    return _header(width, height, channels, depth)
        return None

    def add(self, path: Path, header: Header) -> None:
        """Note a good picture as it was when :meth:`get` looked at it, before it was decoded."""
        fingerprint = self._fingerprints.get(path)
        if fingerprint is not None:
            self._entries[self._key(path)] = [*fingerprint, *header[:3], *(header.depth or ())]
            self._changed = True

    def save(self) -> None:
        """Write what was added; a folder that refuses it is left alone."""
        if not self._changed:
            return
        # Escaped to ASCII: a file name may hold bytes that UTF-8 cannot.
        content = json.dumps({"reader": READER, "folder": str(self.folder), "pictures": self._entries})
        try:
            write_text(self.file, content)
        except RunError:
            return
        self._changed = False

    def _key(self, path: Path) -> str:
        path = Path(path)
        return os.path.relpath(Path(os.path.realpath(path.parent)) / path.name, self.folder)


def _header(width: int, height: int, channels: int, depth: list) -> Header | None:
    match depth:
        case []:
            return Header(width, height, channels)
        case [str(dtype), float(low), float(high)]:
            return Header(width, height, channels, Depth(dtype, low, high))
    return None


def default_cache_folder() -> Path:
    """$TRANSLATE_CACHE, or unpaired-translate in $XDG_CACHE_HOME or in ~/.cache."""
    if os.environ.get("TRANSLATE_CACHE"):
        return Path(os.environ["TRANSLATE_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "unpaired-translate"


def _load(file: Path) -> dict[str, list]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["reader"] == READER and isinstance(content["pictures"], dict):
            return content["pictures"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return {}


def _fingerprint(path: Path) -> tuple[int, int] | None:
    """Size in bytes and time of change of the file that a path leads to."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
