"""Features that are kept, and files that are as good as none."""

import numpy as np
import pytest

from translate.evaluation.feature_cache import kept_features

FEATURES = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/features"


def refuse():
    pytest.fail("computed again")


def test_they_are_computed_once(folder):
    assert np.array_equal(kept_features("key", 3, lambda: FEATURES), FEATURES)
    assert [path.name for path in folder.iterdir()] == ["key.npz"]
    assert np.array_equal(kept_features("key", 3, refuse), FEATURES)
    assert np.array_equal(kept_features("other", 3, lambda: FEATURES + 1), FEATURES + 1)


def pixel_turned(content: bytes) -> bytes:
    at = content.index(FEATURES.tobytes()) + 5
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda _: b"", lambda _: b"text", pixel_turned]
)
def test_damaged_files_are_ignored_and_replaced(folder, damage):
    kept_features("key", 3, lambda: FEATURES)
    path = folder / "key.npz"
    path.write_bytes(damage(path.read_bytes()))
    assert np.array_equal(kept_features("key", 3, lambda: FEATURES + 1), FEATURES + 1)
    assert np.array_equal(kept_features("key", 3, refuse), FEATURES + 1)


@pytest.mark.parametrize(
    "content",
    [
        {"form": 0, "features": FEATURES},
        {"form": 1, "features": FEATURES[:2]},
        {"form": 1, "features": FEATURES.astype(float)},
        {"form": 1, "features": FEATURES * np.nan},
        {"form": 1},
        {"form": 1, "features": np.array([object()])},
    ],
)
def test_files_of_another_form_are_ignored(folder, content):
    folder.mkdir(parents=True)
    np.savez(folder / "key.npz", **content)
    assert np.array_equal(kept_features("key", 3, lambda: FEATURES), FEATURES)


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "file"))
    assert np.array_equal(kept_features("key", 3, lambda: FEATURES), FEATURES)
