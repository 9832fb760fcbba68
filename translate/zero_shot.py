"""Classes told by their names alone, which no labelled picture has been learned for (Radford et al. 2021)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from translate.data.captions import caption_of
from translate.data.listing import shown
from translate.errors import InputError
from translate.image_text import ImageText
from translate.losses.contrastive import unit

PLACE = "{}"  # of the class in a template
TEMPLATE = "a photo of a {}."


def class_names(folders: Sequence[str]) -> list[str]:
    """What classes are called, by the names of their folders; with the numbers behind them where two would be called
    the same without.

    >>> class_names(["T-shirt", "long_sleeve", "n01440764_tench"])
    ['t shirt', 'long sleeve', 'tench']
    >>> class_names(["A320", "A330", "Cessna-172"])
    ['a320', 'a330', 'cessna 172']
    """
    names, numbered = ([(caption_of(folder, kept) or folder).lower() for folder in folders] for kept in (False, True))
    return names if len(set(names)) == len(names) else numbered


def read_templates(given: str) -> list[str]:
    """The templates of ``--templates``: separated by ``|``, or the lines of a file.

    >>> read_templates("a photo of a {}.|a drawing of a {}.")
    ['a photo of a {}.', 'a drawing of a {}.']

    Raises:
        InputError: one of them has no place for the class, or the file cannot be read.
    """
    templates = [each.strip() for each in _lines(given) if each.strip()]
    without = next((each for each in templates if PLACE not in each), None)
    if without is not None or not templates:
        raise InputError(f"--templates {shown(without or given)}: it has no {PLACE} for the class, as in {TEMPLATE!r}")
    return templates


def _lines(given: str) -> list[str]:
    try:
        if PLACE in given or not Path(given).is_file():  # sentences may be longer than a name of a file can be
            return given.split("|")
        return Path(given).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--templates: cannot read {shown(given)} as text in UTF-8 ({error})") from None


def class_vectors(both: ImageText, classes: Sequence[str], templates: Sequence[str] = (TEMPLATE,)) -> Tensor:
    """A unit vector (K, D) for each class: the mean of those of all its sentences, at length 1 again.

    Args:
        classes: K names.
        templates: sentences with ``{}`` where the name belongs.
    """
    texts = [template.replace(PLACE, name) for name in classes for template in templates]
    vectors = both.embed_texts(texts).unflatten(0, (len(classes), len(templates)))
    return unit(vectors.mean(1))


def classify(pictures: Tensor, classes: Tensor) -> Tensor:
    """The class (N,) whose vector is nearest to each picture's: (N, D) and (K, D), unit vectors."""
    return (pictures @ classes.T).argmax(1)


def zero_shot_accuracy(
    both: ImageText, pictures: Tensor, labels: Tensor, classes: Sequence[str], templates: Sequence[str] = (TEMPLATE,)
) -> float:
    """The share of pictures whose class is told rightly by its name alone.

    Args:
        pictures: uint8 (N, C, S, S).
        labels: (N,) index of each one's class.
        classes, templates: as of :func:`class_vectors`.
    """
    told = classify(both.embed_pictures(pictures), class_vectors(both, classes, templates))
    return torch.eq(told, labels).float().mean().item()
