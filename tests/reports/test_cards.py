from dominate.tags import div
from PIL import Image

from translate.reports.cards import BESIDE, MEANINGS, aspect, card, glossary, meanings, shown_size, zoom


def test_the_glossary_explains_the_labels_that_are_shown_and_no_others():
    text = glossary(["fake_B", "real_A", "depth"]).render()
    assert MEANINGS["real_A"] in text and MEANINGS["fake_B"] in text
    assert "idt_B" not in text and "depth" not in text
    assert text.index("real_A") < text.index("fake_B")


def test_without_known_labels_there_is_no_glossary():
    assert glossary(["depth"]) is None


def test_the_glossary_knows_the_labels_of_the_reference():
    assert {"real_A", "fake_B", "real_B", "idt_B", "truth_B"} <= set(MEANINGS)


def test_the_glossary_says_what_a_label_means_beside_the_others():
    assert meanings(["real_A", "real_B"])["real_A"].startswith("the input")
    assert "unrelated" in meanings(["real_A", "real_B"])["real_B"]
    assert meanings(["real_B", "fake_A"])["real_B"].startswith("the input")
    assert "hole filled" in meanings(["hole_A", "fake_B"])["fake_B"]
    assert "colours" in meanings(["grey_A", "fake_B", "truth_B"])["truth_B"]
    for label, others in BESIDE.items():
        assert {label, *others} <= set(MEANINGS)
        assert meanings([label]).keys() == {label}


def test_a_picture_is_announced_with_its_size_and_names(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    text = card("cat", {"real_A": "a.png", "fake_B": "missing.png"}, tmp_path).render()
    assert 'alt="real_A of cat"' in text and 'alt="fake_B of cat"' in text
    assert 'height="20"' in text and 'width="30"' in text and text.count("width=") == 1


def test_a_thumbnail_is_shown_and_the_whole_picture_linked(tmp_path):
    pictures = {"real_A": "a.png", "fake_B": "b.png"}
    text = card("cat", pictures, tmp_path, thumbnails={"fake_B": "small/b.jpg"}).render()
    assert 'href="b.png"' in text and 'src="small/b.jpg"' in text and 'src="b.png"' not in text
    assert 'src="a.png"' in text


def test_a_size_is_found_without_reading_the_pixels(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    assert shown_size(tmp_path / "torn.png") == (30, 20)


def test_aspect_is_that_of_the_picture_as_shown(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "wide.png")
    turned = Image.Exif()
    turned[0x0112] = 6  # a camera held upright
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=turned)
    assert aspect(tmp_path / "wide.png") == 1.5
    assert aspect(tmp_path / "turned.jpg") == 20 / 30


def test_aspect_of_what_is_no_picture_is_square(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert aspect(tmp_path / "broken.png") == 1.0
    assert aspect(tmp_path / "missing.png") == 1.0


def test_a_card_reserves_the_place_of_its_pictures(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    assert "--aspect:1.5000" in card("row", {"real_A": "a.png"}, tmp_path).render()


def test_a_card_marks_what_the_slider_compares(tmp_path):
    text = card("row", {"real_A": "a.png", "fake_B": "b.png", "real_B": "c.png"}, tmp_path).render()
    assert text.count('data-part="before"') == 1 and text.count('data-part="after"') == 1
    assert text.index('data-part="before"') < text.index('data-part="after"')


def test_a_format_that_browsers_cannot_show_is_linked():
    text = div(zoom("fake_B", "scan.tiff", "alt")).render()
    assert "<img" not in text and 'href="scan.tiff"' in text and "TIFF" in text
