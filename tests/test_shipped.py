"""Recipes and lists are found where they lie: at the top of a checkout, or inside an installed package."""

from pathlib import Path

from translate import shipped

REPOSITORY = Path(__file__).resolve().parent.parent


def test_a_checkout_has_them_at_its_top():
    assert shipped.shipped("options") == REPOSITORY / "options"
    assert (shipped.shipped("datasets") / "README.md").is_file()


def test_an_installed_package_has_its_own_and_takes_no_other_package_for_them(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "site-packages/translate")
    for folder in ("translate/_shipped/datasets", "datasets"):
        (tmp_path / "site-packages" / folder).mkdir(parents=True)
    assert shipped.shipped("datasets") == tmp_path / "site-packages/translate/_shipped/datasets"
