"""Folders in VOC's format, and what is said of those that are not quite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.data.annotation import read_annotation
from translate.data.reading import Header
from translate.data.voc import find_annotated, find_mapped, find_names, is_voc, read_map, read_names, some
from translate.errors import InputError

WIDE = Header(100, 50, 3)
ANNOTATION = "<annotation>{}</annotation>"
OBJECT = (
    "<object><name>{}</name>{}<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)
DIFFICULT = "<difficult>1</difficult>"


@pytest.fixture
def voc(tmp_path, write_voc):
    return write_voc(tmp_path / "VOC2007", {"trainval": 3, "test": 3})


def annotate(voc, name, *objects):
    (voc / "Annotations" / f"{name}.xml").write_text(ANNOTATION.format("".join(objects)))


class TestAnnotated:
    def test_boxes_classes_and_pictures(self, voc):
        annotate(voc, "test0", OBJECT.format("disc", "", 2, 3, 10, 20), OBJECT.format("ape", DIFFICULT, 1, 1, 80, 64))
        sets = find_annotated(voc)
        assert {phase: len(found) for phase, found in sets.items()} == {"train": 3, "test": 3}
        assert sets["train"].classes == sets["test"].classes == ("ape", "box", "disc")
        first = sets["test"].objects[0]
        assert first.boxes.tolist() == [[1, 2, 10, 20], [0, 0, 80, 64]]  # pixels are counted from 1, the last inclusive
        assert first.labels.tolist() == [2, 0] and first.difficult.tolist() == [False, True]
        assert [path.name for path in sets["test"].paths] == ["test0.jpg", "test1.jpg", "test2.jpg"]

    def test_what_is_present_absent_or_only_difficult(self, voc):
        easy, hard = OBJECT.format("box", "", 1, 1, 9, 9), OBJECT.format("box", DIFFICULT, 1, 1, 9, 9)
        annotate(voc, "test0", hard)
        annotate(voc, "test1", hard, easy, hard)
        annotate(voc, "test2")
        assert find_annotated(voc)["test"].truth().tolist() == [[0, -1], [1, -1], [-1, -1]]

    def test_the_boxes_frame_what_was_painted(self, voc):
        found = find_annotated(voc)["train"]
        for path, objects in zip(found.paths, found.objects, strict=True):
            pixels = np.asarray(Image.open(path)).astype(int)
            for (left, top, right, bottom), label in zip(objects.boxes, objects.labels, strict=True):
                middle = pixels[int(top + bottom) // 2, int(left + right) // 2]
                assert (middle[0] > 180) == (label == 0) and (middle[2] > 180) == (label == 1)

    def test_parts_of_objects_are_no_objects(self, voc):
        part = "<part><name>hand</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
        annotate(voc, "test0", OBJECT.format("box", "", 3, 3, 9, 9).replace("</object>", f"{part}</object>"))
        assert find_annotated(voc)["test"].objects[0].boxes.tolist() == [[2, 2, 9, 9]]


class TestMapped:
    def test_maps_hold_the_entries_of_their_palette(self, voc):
        sets = find_mapped(voc)
        assert sets["train"].classes == 3
        assert sets["test"].present.tolist() == [[True, True, False], [True, False, True], [True, True, True]]
        assert set(np.unique(read_map(sets["test"].maps[2]))) == {0, 1, 2, 255}

    def test_a_map_of_another_size_than_its_picture(self, voc):
        Image.new("P", (9, 8)).save(voc / "SegmentationClass/test1.png")
        with pytest.raises(InputError, match=r"test1\.png is 9x8 and its picture \d+x64; make them of one size"):
            find_mapped(voc)

    def test_a_map_of_colours(self, voc):
        Image.new("RGB", (80, 64)).save(voc / "SegmentationClass/test1.png")
        with pytest.raises(InputError, match=r"test1\.png holds RGB values, not classes; save it with a palette"):
            find_mapped(voc)

    def test_maps_of_nothing(self, voc):
        for file in (voc / "SegmentationClass").glob("trainval*"):
            Image.new("P", Image.open(file).size).save(file)
        with pytest.raises(InputError, match=r"of the train pictures no map in .* holds a class beside 0"):
            find_mapped(voc)

    def test_no_map(self, voc):
        (voc / "SegmentationClass/trainval2.png").unlink()
        with pytest.raises(InputError, match=r"trainval2\.png does not exist; check its name"):
            find_mapped(voc)


class TestLists:
    @pytest.mark.parametrize(("lists", "train", "test"), [
        ({"trainval": "a\nb\n", "test": "c\n", "train": "a", "val": "b"}, ["a", "b"], ["c"]),
        ({"train": "a", "val": "b a", "test": "c"}, ["a", "b a"], ["c"]),
        ({"train": "a\na\n\n", "test": "c"}, ["a"], ["c"]),
        ({"train": "a", "val": "  b\r\n", "trainval": "a\nb"}, ["a"], ["b"]),
        ({"train": "\ufeffa\r\nä ö\r\n", "val": "\ufeffb"}, ["a", "ä ö"], ["b"]),  # as Windows writes it
    ])  # fmt: skip
    def test_which_pictures_are_learned_from(self, lists, train, test, tmp_path):
        (tmp_path / "ImageSets/Main").mkdir(parents=True)
        for phase, text in lists.items():
            (tmp_path / f"ImageSets/Main/{phase}.txt").write_text(text, encoding="utf-8")
        assert find_names(tmp_path, "Main") == {"train": train, "test": test}

    @pytest.mark.parametrize("name", ["../secret", "a/b", "/etc/passwd", "..", ".hidden", "C:x", "a\\b", "a\x00b"])
    def test_no_name_leads_out_of_the_folder(self, name, tmp_path):
        (tmp_path / "train.txt").write_bytes(b"fine\n" + name.encode())
        with pytest.raises(InputError, match=r"train\.txt names .*, which is a path; give names such as 000005"):
            read_names(tmp_path / "train.txt")

    def test_a_list_of_nothing_or_of_bytes(self, tmp_path):
        (tmp_path / "train.txt").write_bytes(b"\n")
        with pytest.raises(InputError, match=r"train\.txt names no pictures"):
            read_names(tmp_path / "train.txt")
        (tmp_path / "train.txt").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(InputError, match=r"train\.txt cannot be read as a list of names"):
            read_names(tmp_path / "train.txt")

    def test_no_lists(self, voc):
        for phase in ("trainval", "test"):
            (voc / f"ImageSets/Main/{phase}.txt").unlink()
        with pytest.raises(InputError, match=r"Main.train\.txt does not exist; list in trainval\.txt and test\.txt"):
            find_annotated(voc)

    def test_a_picture_that_is_not_there(self, voc):
        (voc / "JPEGImages/test1.jpg").unlink()
        with pytest.raises(InputError, match=r"test1\.jpg does not exist, though a list in .*ImageSets names it"):
            find_annotated(voc)

    @pytest.mark.parametrize("line", ["test1.jpg", "test1  1"])
    def test_a_line_that_says_more_than_a_name(self, line, voc):
        (voc / "ImageSets/Main/test.txt").write_text(line)
        with pytest.raises(InputError, match=r"correct the list: a name in each line, without ending, and nothing"):
            find_annotated(voc)

    def test_endings_in_capital_letters(self, voc):
        (voc / "JPEGImages/test1.jpg").rename(voc / "JPEGImages/test1.JPG")
        assert find_annotated(voc)["test"].paths[1].samefile(voc / "JPEGImages/test1.JPG")

    def test_a_picture_that_is_damaged(self, voc):
        (voc / "JPEGImages/test1.jpg").write_bytes(b"\xff\xd8\xff")
        with pytest.raises(InputError, match=r"test1\.jpg") as caught:
            find_annotated(voc)
        assert "--skip_bad_images" not in str(caught.value)  # which is no flag of transfer


class TestAnnotation:
    @pytest.mark.parametrize(("text", "said"), [
        ("<annotation>", "is not XML in UTF-8"),
        ("", "is not XML in UTF-8"),
        ("<html></html>", "holds <html>, not <annotation>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "defines a document type, which is not read"),
        (ANNOTATION.format("<object><bndbox/></object>"), "has an object without a name"),
        (ANNOTATION.format("<object><name>ape</name></object>"), "ape has no <bndbox>; add one"),
        (ANNOTATION.format(OBJECT.format("ape", "", 1, "x", 3, 4)), "the box of ape needs xmin, ymin, xmax, ymax"),
        (ANNOTATION.format(OBJECT.format("ape", "", 1, "nan", 3, 4)), r"\(1, nan, 3, 4\), does not go from"),
        (ANNOTATION.format(OBJECT.format("ape", "", 9, 1, 3, 4)), "does not go from left to right"),
        (ANNOTATION.format(OBJECT.format("ape", "", 1, 1, 102, 4)), r"\(1, 1, 102, 4\), reaches out of its picture"),
        (ANNOTATION.format(OBJECT.format("ape", "", 101, 1, 101, 4)), "holds no pixel of its picture"),
    ])  # fmt: skip
    def test_what_is_wrong_is_said(self, text, said, tmp_path):
        (tmp_path / "a.xml").write_text(text)
        with pytest.raises(InputError, match=rf"a\.xml.*{said}") as caught:
            read_annotation(tmp_path / "a.xml", WIDE)
        assert "\n" not in str(caught.value)

    def test_no_file_or_none_that_is_text(self, tmp_path):
        with pytest.raises(InputError, match=r"a\.xml does not exist; annotate its picture, or take its name out"):
            read_annotation(tmp_path / "a.xml", WIDE)
        (tmp_path / "a.xml").write_bytes('<annotation a="ä"/>'.encode("utf-16"))
        with pytest.raises(InputError, match=r"a\.xml is not XML in UTF-8"):
            read_annotation(tmp_path / "a.xml", WIDE)

    def test_a_file_without_an_end(self, tmp_path, monkeypatch):
        monkeypatch.setattr("translate.data.annotation.MOST_BYTES", 2**20)
        (tmp_path / "a.xml").write_text(f"<annotation>{' ' * 2**20}</annotation>")
        with pytest.raises(InputError, match=r"a\.xml is larger than 1 MB"):
            read_annotation(tmp_path / "a.xml", WIDE)

    @given(text=st.text(max_size=30), number=st.text(alphabet="-+.e0123456789infa ", max_size=8))
    def test_whatever_it_holds_is_read_or_refused(self, text, number, tmp_path_factory):
        folder = tmp_path_factory.getbasetemp()
        for content in (text, ANNOTATION.format(OBJECT.format("ape", "", number, 1, 9, 9))):
            (folder / "any.xml").write_text(content, encoding="utf-8", errors="ignore")
            try:
                assert all(0 <= box[0] < box[2] <= 100 for _, box, _ in read_annotation(folder / "any.xml", WIDE))
            except InputError as error:
                assert "any.xml" in str(error) and str(error).isprintable()

    def test_boxes_counted_from_zero_are_cut_at_the_edges(self, tmp_path):
        (tmp_path / "a.xml").write_text(ANNOTATION.format(OBJECT.format("ape", "", 0, 0, 101, 51)))
        assert read_annotation(tmp_path / "a.xml", WIDE) == [("ape", (0, 0, 100, 50), False)]

    def test_fractions_and_spaces(self, tmp_path):
        text = '<?xml version="1.0" encoding="utf-8"?>' + ANNOTATION.format(
            OBJECT.format(" ape ", "", 1.5, 2, 7.25, " 9 ")
        )
        (tmp_path / "a.xml").write_text(text, encoding="utf-8-sig")
        assert read_annotation(tmp_path / "a.xml", WIDE) == [("ape", (0.5, 1, 7.25, 9), False)]


class TestWhetherItIs:
    def test_by_its_folders(self, voc, tmp_path):
        assert is_voc(voc)
        (tmp_path / "other/train").mkdir(parents=True)
        assert not is_voc(tmp_path / "other") and not is_voc(tmp_path / "nowhere")

    def test_the_folder_above_says_which(self, voc):
        with pytest.raises(InputError, match=r"holds a folder in VOC's format: give it as --dataroot .*VOC2007"):
            is_voc(voc.parent)

    def test_annotations_that_name_nothing(self, voc):
        for file in (voc / "Annotations").glob("test*"):
            annotate(voc, file.stem, OBJECT.format("box", DIFFICULT, 1, 1, 9, 9))
        with pytest.raises(
            InputError, match=r"of the test pictures no annotation in .*Annotations names an object that is not"
        ):
            find_annotated(voc)


def test_some_of_each_class():
    present = np.array([[1, 0], [1, 0], [1, 1], [0, 0], [1, 0]], dtype=bool)
    for seed in range(8):
        places = some(present, 2, np.random.default_rng(seed))
        assert present[places].sum(0).tolist() in ([2, 1], [3, 1]) and 3 not in places
        assert places.tolist() == sorted(set(places.tolist()))
