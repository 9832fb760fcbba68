"""What an annotation in VOC's form says of a picture: an XML file with a box and a name for each object."""

import math
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from translate.data.listing import shown
from translate.data.reading import Header
from translate.errors import InputError

MOST_BYTES = 4 * 2**20
EDGES = ("xmin", "ymin", "xmax", "ymax")


class Named(NamedTuple):
    """An object: its class, its box as in ``Objects``, and whether it is difficult."""

    name: str
    box: tuple[float, float, float, float]
    difficult: bool


def read_annotation(file: Path, picture: Header) -> list[Named]:
    """The objects of an annotation.

    VOC counts pixels from 1 and ``xmax`` is the last that belongs to the object. Boxes that reach out by a pixel, as of
    tools that count from 0, are cut.

    Args:
        file: an XML file; one that defines entities is refused.
        picture: size of its picture.

    Raises:
        InputError: it is missing, no annotation, or a box does not lie in the picture.
    """
    root = _parsed(file)
    if root.tag != "annotation":
        raise InputError(
            f"{shown(file)} holds <{shown(root.tag)[:40]}>, not <annotation>; give annotations in VOC's form"
        )
    return [_named(each, file, picture) for each in root.findall("object")]


def _parsed(file: Path) -> ElementTree.Element:
    try:
        with open(file, "rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        remedy = "annotate its picture, or take its name out of the lists in ImageSets/Main"
        raise InputError(f"{shown(file)} does not exist; {remedy}") from error
    except OSError as error:
        raise InputError(f"{shown(file)} cannot be read ({error.strerror}); check its permissions") from error
    if len(raw) > MOST_BYTES:
        raise InputError(f"{shown(file)} is larger than {MOST_BYTES // 2**20} MB, which no annotation is; replace it")
    try:
        text = raw.decode("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:  # few bytes of which can be made to fill the memory
            raise InputError(f"{shown(file)} defines a document type, which is not read; remove its <!DOCTYPE>")
        return ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{shown(file)} is not XML in UTF-8 ({shown(str(error))}); write or copy it again") from error


def _named(element: ElementTree.Element, file: Path, picture: Header) -> Named:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise InputError(f"{shown(file)} has an object without a name; give it a <name>")
    box = element.find("bndbox")
    if box is None:
        raise InputError(f"{shown(file)}: {shown(name)} has no <bndbox>; add one, or remove the object")
    return Named(name, _box(box, name, file, picture), (element.findtext("difficult") or "0").strip() == "1")


def _box(element: ElementTree.Element, name: str, file: Path, picture: Header) -> tuple[float, float, float, float]:
    try:
        left, top, right, bottom = (float(element.findtext(edge) or "") for edge in EDGES)
    except ValueError as error:
        raise InputError(f"{shown(file)}: the box of {shown(name)} needs {', '.join(EDGES)} as numbers") from error
    told = f"{shown(file)}: the box of {shown(name)}, ({left:g}, {top:g}, {right:g}, {bottom:g}),"
    if not all(map(math.isfinite, (left, top, right, bottom))) or left > right or top > bottom:
        raise InputError(f"{told} does not go from left to right and from top to bottom; correct it")
    if left < 0 or top < 0 or right > picture.width + 1 or bottom > picture.height + 1:
        raise InputError(f"{told} reaches out of its picture of {picture.width}x{picture.height}; correct one of them")
    found = (
        max(left - 1, 0.0),
        max(top - 1, 0.0),
        min(right, float(picture.width)),
        min(bottom, float(picture.height)),
    )
    if found[0] >= found[2] or found[1] >= found[3]:
        raise InputError(f"{told} holds no pixel of its picture; correct it")
    return found
