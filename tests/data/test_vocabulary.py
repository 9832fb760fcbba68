"""The vocabulary against a slow byte-pair encoding, its files, and what it refuses."""

import builtins
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.data import vocabulary as room
from translate.data.vocabulary import END, MERGES_FILE, SMALLEST, START, VOCABULARY_FILE, Vocabulary, is_vocabulary
from translate.errors import InputError

CAPTIONS = ["a low tower", "the lowest tower", "a lower bridge", "two towers", "a new bridge's end"]
SIZE = SMALLEST + 8


@pytest.fixture(scope="module")
def learned():
    return Vocabulary.learn(CAPTIONS, SIZE)


def letters_of_bytes():
    """The published letters: printable bytes stand for themselves, the others for letters from 256 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + place) for place, byte in enumerate(others)}


LETTERS = letters_of_bytes()


def slow_parts(word, merges):
    """The parts of a word: again and again the pair that was learned first becomes one."""
    parts = [LETTERS[byte] for byte in word.encode()]
    parts[-1] += "</w>"
    while True:
        pairs = [(parts[at], parts[at + 1]) for at in range(len(parts) - 1)]
        known = [pair for pair in pairs if pair in merges]
        if not known:
            return parts
        best = min(known, key=merges.index)
        at = 0
        while at < len(parts) - 1:
            if (parts[at], parts[at + 1]) == best:
                parts[at : at + 2] = ["".join(best)]
            at += 1


@settings(max_examples=60)
@given(st.lists(st.text("abcdeghilnortvwyzäß日é", min_size=1, max_size=9), min_size=1, max_size=4))
def test_a_text_is_the_parts_of_its_words(words):
    vocabulary = Vocabulary.learn(CAPTIONS, SIZE)
    parts = [part for word in words for part in slow_parts(word, vocabulary.merges)]
    expected = [vocabulary.ids[part] for part in (START, *parts, END)]
    assert vocabulary.encode(" ".join(words), 200) == expected


def test_the_most_frequent_pairs_are_learned_first(learned):
    counts = {}
    for word in " ".join(CAPTIONS).replace("'s", " ' s").split():
        parts = [*word[:-1], f"{word[-1]}</w>"]
        for pair in pairwise(parts):
            counts[pair] = counts.get(pair, 0) + 1
    assert counts[learned.merges[0]] == max(counts.values())
    assert len(learned.merges) == SIZE - SMALLEST


def test_it_is_laid_out_as_the_published_one(learned):
    parts = sorted(learned.ids, key=learned.ids.get)
    assert set(parts[:256]) == set(LETTERS.values())
    assert parts[256:512] == [f"{letter}</w>" for letter in parts[:256]]
    assert parts[512:-2] == ["".join(pair) for pair in learned.merges]
    assert parts[-2:] == [START, END]
    assert len(learned) == len(parts) == SIZE


def test_nothing_is_learned_of_pairs_that_occur_once():
    assert len(Vocabulary.learn(["abcdefg"], 2000)) == SMALLEST


def test_words_are_split_as_published(learned):
    for text, words in (
        ("Two  TOWERS", ["two", "towers"]),
        ("bridge's", ["bridge", "'s"]),
        ("12 towers!?", ["1", "2", "towers", "!?"]),
    ):
        apart = [id for word in words for id in learned.encode(word, 99)[1:-1]]
        assert learned.encode(text, 99)[1:-1] == apart


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=30))
def test_any_text_has_ids_and_ends_with_the_highest(text):
    vocabulary = Vocabulary.learn(CAPTIONS, SIZE)
    ids = vocabulary.encode(text, 77)
    assert ids[0] == vocabulary.ids[START] and ids[-1] == len(vocabulary) - 1
    assert all(0 <= id < len(vocabulary) - 2 for id in ids[1:-1])


def test_a_long_text_is_cut_and_ends_all_the_same(learned):
    text = "a low tower " * 20 + "a new bridge " * 20  # the end is another text than the beginning
    whole, cut = learned.encode(text, 900), learned.encode(text, 12)
    assert cut == [*whole[:11], learned.ids[END]]
    assert cut[1:-1] != whole[-11:-1]


def test_the_names_of_the_two_that_enclose_are_no_way_to_write_them(learned):
    assert learned.ids[END] not in learned.encode(f"{END} {START}", 77)[1:-1]


@pytest.mark.parametrize("text", ["two towers", "a café on the bridge", "日本"])
def test_ids_are_read_back(learned, text):
    assert learned.decode(learned.encode(text, 77)) == text


def test_what_was_written_is_read_as_it_was(learned, tmp_path):
    assert not is_vocabulary(tmp_path)
    for name, text in learned.files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert is_vocabulary(tmp_path)
    loaded = Vocabulary.load(tmp_path)
    assert (loaded.ids, loaded.merges) == (learned.ids, learned.merges)
    assert loaded.encode("the lowest bridges", 77) == learned.encode("the lowest bridges", 77)


def test_every_process_learns_the_same(learned):
    code = (
        "import json, sys; from translate.data.vocabulary import Vocabulary; "
        f"print(json.dumps(Vocabulary.learn({CAPTIONS!r}, {SIZE}).files()))"
    )
    home = Path(room.__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == learned.files()


PARTS = {"a": 0, "b": 1, "ab": 2, START: 3, END: 4}


@pytest.mark.parametrize(("ids", "merges", "said"), [
    (None, "a b\n", r"vocab\.json does not exist; give a --vocabulary folder"),
    (PARTS, None, r"merges\.txt does not exist"),
    ([1], "a b\n", r"vocab\.json is no vocabulary \(it does not map"),
    ({**PARTS, "b": "1"}, "a b\n", "it does not map parts of words to whole numbers"),
    ("{", "a b\n", r"vocab\.json is no vocabulary"),
    ({**PARTS, "b": 7}, "a b\n", "the 5 ids of the vocabulary are not 0 to 4"),
    ({**PARTS, START: 4, END: 3}, "a b\n", r"\|endoftext\|> with the highest id"),
    ({"a": 0, END: 1}, "", "the vocabulary must have <.startoftext"),
    (PARTS, "a b\nb a b\n", r"merges\.txt, line 2: a merge is two parts"),
    (PARTS, "a x\n", "vocabulary and its merges do not belong together"),
    (PARTS, b"\xff\xfe", r"merges\.txt is not text in UTF-8"),
])  # fmt: skip
def test_damaged_files_are_refused_in_words(ids, merges, said, tmp_path):
    if ids is not None:
        (tmp_path / VOCABULARY_FILE).write_text(ids if isinstance(ids, str) else json.dumps(ids))
    if merges is not None:
        (tmp_path / MERGES_FILE).write_bytes(merges if isinstance(merges, bytes) else merges.encode())
    with pytest.raises(InputError, match=said) as raised:
        Vocabulary.load(tmp_path)
    assert "\n" not in str(raised.value)


def test_fewer_ids_than_bytes_are_refused():
    with pytest.raises(InputError, match=f"--vocab_size 513 is too small: the bytes alone are {SMALLEST} ids"):
        Vocabulary.learn(CAPTIONS, SMALLEST - 1)


def test_without_the_package_the_remedy_is_said(monkeypatch):
    importing = builtins.__import__

    def refuse(name, *rest, **named):
        if name.split(".")[0] == "tokenizers":
            raise ImportError(name)
        return importing(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r"pip install 'unpaired-translate\[text\]'"):
        Vocabulary.learn(CAPTIONS, SIZE)
