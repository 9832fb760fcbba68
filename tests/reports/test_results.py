from translate.reports.figures import Figure
from translate.reports.results import Row, write_results_page

NASTY = ['a "quoted" <b>name</b> & more.png', "50% of #1?.png", "Äpfel 猫.png", "it's; new\nline.png"]


def _write(tmp_path, rows, **more):
    write_results_page(tmp_path / "index.html", "run", rows, more.pop("facts", {}), **more)
    return tmp_path / "index.html"


def test_each_row_shows_its_pictures_side_by_side(tmp_path, written, read_page):
    rows = [
        Row(name, {"real_A": written(f"images/real_A/{name}.png"), "fake_B": written(f"images/fake_B/{name}.png")})
        for name in ("one", "two")
    ]
    found = read_page(_write(tmp_path, rows))
    assert found.texts("h3") == ["one", "two"]
    assert found.texts("figcaption") == ["real_A", "fake_B"] * 2
    shown = [each for each in found.all("img") if each.inside("main")]
    assert [each.attributes["src"] for each in shown] == [path for row in rows for path in row.pictures.values()]
    assert all(each.attributes["loading"] == "lazy" for each in shown)
    assert [each.attributes["alt"] for each in shown[:2]] == ["real_A of one", "fake_B of one"]
    assert [each.attributes["data-row"] for each in found.all("article")] == ["one", "two"]


def test_facts_and_meanings_stand_at_the_top(tmp_path, written, read_page):
    facts = {"dataset": "horse2zebra/testA", "pictures": "1 in, 1 written"}
    found = read_page(_write(tmp_path, [Row("one", {"real_A": written("a.png")})], facts=facts))
    top = {each.text for each in found.all("dd")}
    assert set(facts.values()) <= top
    assert "the input, a picture from domain A" in top


def test_the_width_is_that_of_the_pictures(tmp_path, written, read_page):
    found = read_page(_write(tmp_path, [Row("one", {"real_A": written("a.png")})], width=321))
    assert "--width:321px" in found.all("div", "cards")[0].attributes["style"]


def test_names_are_text_wherever_they_appear(tmp_path, written, read_page):
    rows = [Row(name, {"real_A": written(f"images/{name}")}) for name in NASTY]
    found = read_page(_write(tmp_path, rows))
    assert found.texts("h3") == NASTY
    assert [each.attributes["alt"] for each in found.all("img") if each.inside("main")] == [
        f"real_A of {name}" for name in NASTY
    ]
    assert not found.all("b")


def test_a_thousand_rows_have_a_filter_and_few_ones_have_none(tmp_path, read_page):
    rows = [Row(f"picture {at}", {"real_A": f"a{at}.png", "fake_B": f"b{at}.png"}) for at in range(1000)]
    many = read_page(_write(tmp_path, rows))
    assert len(many.all("article")) == 1000
    assert [each.attributes["id"] for each in many.all("input") if each.inside("main")] == ["filter"]
    few = read_page(_write(tmp_path, rows[:5]))
    assert not [each for each in few.all("input") if each.inside("main")]


def test_scores_go_with_their_rows_in_the_order_of_the_choices(tmp_path, read_page):
    rows = [Row("one", {}, scores={"b": 0.5}), Row("two", {}, scores={"a": 1, "b": 123456789.0}), Row("three", {})]
    found = read_page(_write(tmp_path, rows))
    assert found.texts("option") == ["name", "b", "a"]
    assert [each.attributes["data-scores"] for each in found.all("article")] == ["0.5 NaN", "1.23457e+08 1", "NaN NaN"]
    without = read_page(_write(tmp_path, [Row("one", {}), Row("two", {})]))
    assert not without.all("select") and "data-scores" not in without.all("article")[0].attributes


def test_figures_stand_above_the_pictures(tmp_path, read_page):
    found = read_page(_write(tmp_path, [Row("one", {})], figures=[Figure("fid", "FID", "41.2")]))
    assert found.texts("h2") == ["Quality", "Pictures"]
    assert [each.text for each in found.all("td")] == ["41.2"]


def test_the_contact_sheet_is_linked_if_there_is_one(tmp_path, read_page):
    rows = [Row("one", {})]
    found = read_page(_write(tmp_path, rows, contact_sheet="the sheet.jpg"))
    assert ("contact sheet", "the%20sheet.jpg") in [(each.text, each.attributes["href"]) for each in found.all("a")]
    assert not read_page(_write(tmp_path, rows)).all("a")


def test_headings_are_in_order(tmp_path, read_page):
    found = read_page(_write(tmp_path, [Row("one", {"real_A": "a.png"})]))
    assert [each.tag for each in found.elements if each.tag in {"h1", "h2", "h3"} and each.inside("main")] == [
        "h1", "h2", "h3",
    ]  # fmt: skip


def test_rows_may_have_different_pictures(tmp_path, read_page):
    rows = [Row("one", {"real_A": "a.png"}), Row("two", {"real_A": "b.png", "fake_B": "c.png"}), Row("none", {})]
    found = read_page(_write(tmp_path, rows))
    assert "--columns:2" in found.all("div", "cards")[0].attributes["style"]
    assert found.texts("figcaption") == ["real_A", "real_A", "fake_B"]


def test_a_run_without_pictures_says_so(tmp_path, read_page):
    assert read_page(_write(tmp_path, [])).texts("p") == ["No pictures were written."]
