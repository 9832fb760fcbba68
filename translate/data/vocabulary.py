"""Texts as ids: a byte-level vocabulary of pairs (BPE) in the form of CLIP's, learned or read from files."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from translate.data.listing import shown
from translate.errors import InputError

VOCABULARY_FILE, MERGES_FILE = "vocab.json", "merges.txt"
START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
SMALLEST = 2 * 256 + 2  # every byte within a word and at its end, and the two that enclose a text
LEAST_COUNT = 2  # a pair that occurs once is no pattern
# What is a word: the ends of English contractions, letters, a single digit, or other signs.
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class Vocabulary:
    """Ids of parts of words (Sennrich et al., ACL 2016, arXiv:1508.07909), over bytes, so that any text has some.

    Texts are lower-cased, and blanks between words do not count. The ids of a text begin with that of ``START`` and
    end with that of ``END``, which is the highest.

    Args:
        ids: of each part, 0 to N - 1; a part that ends a word ends in ``WORD_END``.
        merges: pairs of parts that become one, the most frequent first.

    Raises:
        InputError: they do not belong together, or the package ``tokenizers`` is missing.
    """

    def __init__(self, ids: dict[str, int], merges: list[tuple[str, str]]):
        self.ids = ids
        self.merges = merges
        _check_ids(ids)
        models = _library().models
        try:
            model = models.BPE(ids, merges, continuing_subword_prefix="", end_of_word_suffix=WORD_END)
        except Exception as error:  # the library has no narrower one
            raise InputError(
                f"the vocabulary and its merges do not belong together ({error}); copy both again"
            ) from None
        self._tokenizer = _tokenizer(model)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def learn(cls, captions: Iterable[str], size: int) -> "Vocabulary":
        """The vocabulary of these texts, of at most ``size`` ids; the same texts give the same one.

        Raises:
            InputError: ``size`` is less than ``SMALLEST``, or the package ``tokenizers`` is missing.
        """
        if size < SMALLEST:
            raise InputError(f"--vocab_size {size} is too small: the bytes alone are {SMALLEST} ids")
        library = _library()
        alphabet = sorted(library.pre_tokenizers.ByteLevel.alphabet())
        ends = [letter + WORD_END for letter in alphabet]
        tokenizer = _tokenizer(library.models.BPE(end_of_word_suffix=WORD_END))
        trainer = library.trainers.BpeTrainer(
            vocab_size=size - 2,
            min_frequency=LEAST_COUNT,
            # Named beforehand, letters have ids in a fixed order, by which pairs of one frequency are chosen.
            special_tokens=[*alphabet, *ends],
            initial_alphabet=alphabet,
            end_of_word_suffix=WORD_END,
            show_progress=False,
        )
        tokenizer.train_from_iterator(captions, trainer)
        merges = [_pair(entry) for entry in json.loads(tokenizer.to_str())["model"]["merges"]]
        parts = dict.fromkeys([*alphabet, *ends, *(first + second for first, second in merges), START, END])
        return cls({part: number for number, part in enumerate(parts)}, merges)

    @classmethod
    def load(cls, folder: Path) -> "Vocabulary":
        """The vocabulary in ``vocab.json`` and ``merges.txt``, as CLIP's is published and as a run keeps its own.

        Raises:
            InputError: a file is missing or damaged.
        """
        ids = _read_ids(Path(folder) / VOCABULARY_FILE)
        merges = _read_merges(Path(folder) / MERGES_FILE)
        try:
            return cls(ids, merges)
        except InputError as error:
            raise InputError(f"{shown(folder)}: {error}") from None

    def files(self) -> dict[str, str]:
        """The content of the files that :meth:`load` reads, by their names."""
        lines = ["#version: 0.2", *(f"{first} {second}" for first, second in self.merges)]
        return {
            VOCABULARY_FILE: json.dumps(self.ids, ensure_ascii=False) + "\n",
            MERGES_FILE: "\n".join(lines) + "\n",
        }

    def encode(self, text: str, context_length: int) -> list[int]:
        """The ids of a text, at most ``context_length``: of what is too long the end is cut, and ``END`` stays."""
        found = self._tokenizer.encode(text).ids
        return [self.ids[START], *found[: context_length - 2], self.ids[END]]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, in lower case, with a blank between words."""
        enclosing = {self.ids[START], self.ids[END]}
        return self._tokenizer.decode([each for each in ids if each not in enclosing])


def is_vocabulary(folder: Path) -> bool:
    """Whether a folder holds one."""
    return (Path(folder) / VOCABULARY_FILE).is_file()


def _library() -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # or it warns when processes that load pictures are forked
    try:
        import tokenizers
        import tokenizers.models
        import tokenizers.normalizers
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError:
        raise InputError("texts need the package tokenizers: pip install 'unpaired-translate[text]'") from None
    return tokenizers


def _tokenizer(model: Any) -> Any:
    library = _library()
    normal, split = library.normalizers, library.pre_tokenizers
    tokenizer = library.Tokenizer(model)
    tokenizer.normalizer = normal.Sequence([normal.NFC(), normal.Lowercase()])
    words = split.Split(library.Regex(WORDS), "removed", invert=True)
    tokenizer.pre_tokenizer = split.Sequence([words, split.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = library.decoders.Sequence([
        library.decoders.ByteLevel(), library.decoders.Replace(WORD_END, " "), library.decoders.Strip(" ", 0, 1)
    ])  # fmt: skip
    return tokenizer


def _pair(entry: Any) -> tuple[str, str]:
    """A merge as older and newer versions of the library write it."""
    first, second = entry.split(" ") if isinstance(entry, str) else entry
    return first, second


def _check_ids(ids: dict[str, int]) -> None:
    if sorted(ids.values()) != list(range(len(ids))):
        raise InputError(f"the {len(ids)} ids of the vocabulary are not 0 to {len(ids) - 1}; copy it again")
    if START not in ids or ids.get(END) != len(ids) - 1:
        raise InputError(f"the vocabulary must have {START}, and {END} with the highest id; take one of CLIP")


def _read_ids(file: Path) -> dict[str, int]:
    try:
        ids = json.loads(_text(file))
        if not isinstance(ids, dict) or not all(type(value) is int for value in ids.values()):
            raise ValueError("it does not map parts of words to whole numbers")
    except ValueError as error:
        raise InputError(f"{shown(file)} is no vocabulary ({error}); copy it again") from None
    return ids


def _read_merges(file: Path) -> list[tuple[str, str]]:
    merges = []
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if line.startswith("#version") or not line.strip():
            continue
        parts = line.split()
        if len(parts) != 2:
            raise InputError(f"{shown(file)}, line {number}: a merge is two parts with a blank between; copy it again")
        merges.append((parts[0], parts[1]))
    return merges


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        both = f"{VOCABULARY_FILE} and {MERGES_FILE}"
        raise InputError(f"{shown(file)} does not exist; give a --vocabulary folder that holds {both}") from None
    except OSError as error:
        raise InputError(f"cannot read {shown(file)}: {error.strerror}; check its permissions") from None
    except UnicodeDecodeError:
        raise InputError(f"{shown(file)} is not text in UTF-8; copy it again") from None
