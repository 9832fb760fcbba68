// Which rows of a page are shown, and in which order: by a part of their names, and by a score.

document.addEventListener("DOMContentLoaded", () => {
  const filter = document.getElementById("filter");
  const sort = document.getElementById("sort");
  const turn = document.getElementById("sort-turn");

  filter?.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    const all = [...document.querySelectorAll("[data-row]")];
    for (const each of all) each.hidden = !each.dataset.row.toLowerCase().includes(wanted);
    const left = all.filter((each) => !each.hidden).length;
    document.getElementById("filter-count").textContent = `${left} of ${all.length}`;
  });

  if (!sort) return;
  const rows = [...document.querySelectorAll("[data-scores]")]; // in the order of their names
  const scores = rows.map((row) => row.dataset.scores.split(" ").map(Number));
  let descending = false;

  function arrange() {
    const by = sort.value === "" ? null : Number(sort.value);
    const value = (at) => scores[at][by];
    const places = [...rows.keys()];
    // The rows that do not have the score stand last, whichever way the others go.
    const known = by === null ? places : places.filter((at) => !Number.isNaN(value(at)));
    const others = by === null ? [] : places.filter((at) => Number.isNaN(value(at)));
    if (by === null && descending) known.reverse();
    if (by !== null) known.sort((one, two) => (descending ? -1 : 1) * (value(one) - value(two)) || one - two);
    const sorted = document.createDocumentFragment();
    const parent = rows[0].parentElement;
    for (const at of [...known, ...others]) {
      label(rows[at].querySelector("h3"), by === null ? NaN : value(at));
      sorted.append(rows[at]);
    }
    parent.append(sorted);
    turn.textContent = descending ? "↓ descending" : "↑ ascending";
    const order = descending ? "descending" : "ascending";
    document.getElementById("sort-said").textContent = `sorted by ${sort.selectedOptions[0].text}, ${order}`;
  }

  function label(name, value) {
    if (Number.isNaN(value)) delete name.dataset.score;
    else name.dataset.score = written(value);
  }

  function written(value) {
    if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
    return String(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4)));
  }

  sort.addEventListener("change", arrange);
  turn.addEventListener("click", () => {
    descending = !descending;
    arrange();
  });
});
