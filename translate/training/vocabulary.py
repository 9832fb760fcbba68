"""Which vocabulary the captions of a run are spelled by."""

from collections.abc import Iterable
from pathlib import Path

from translate.caption_options import CaptionOptions
from translate.data.vocabulary import Vocabulary, is_vocabulary
from translate.errors import InputError


def open_vocabulary(
    told: CaptionOptions, captions: Iterable[str], own: Path | None = None, source: Path | None = None
) -> Vocabulary:
    """The vocabulary of the run that is gone on with; else that which the flags name, or which the weights that are
    started from were trained with; else one that is learned from the captions.

    Raises:
        InputError: it is damaged, or has more ids than ``--vocab_size``.
    """
    own, source = (folder if folder and is_vocabulary(folder) else None for folder in (own, source))
    folder = own or told.vocabulary or source
    if folder is None:
        return Vocabulary.learn(captions, told.vocab_size)
    vocabulary = Vocabulary.load(Path(folder))
    if len(vocabulary) > told.vocab_size:
        raise InputError(
            f"--vocab_size {told.vocab_size} is less than the {len(vocabulary)} ids of {folder}: use --vocab_size "
            f"{len(vocabulary)}"
        )
    return vocabulary
