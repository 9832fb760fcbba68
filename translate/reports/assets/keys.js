// Keys on the page itself: from row to row, and a list of all keys.

document.addEventListener("DOMContentLoaded", () => {
  const viewer = document.getElementById("viewer");
  const keys = document.getElementById("keys");
  for (const each of document.querySelectorAll(".needs-script")) each.hidden = false;

  function goToRow(distance) {
    const rows = [...document.querySelectorAll("[data-row]:not([hidden])")].filter((row) => row.querySelector("a.zoom"));
    const focused = document.activeElement;
    const row = rows[placeAfter(rows, rows.indexOf(focused.closest("[data-row]")), distance)];
    if (!row) return;
    const links = [...row.querySelectorAll("a.zoom")];
    row.scrollIntoView({ block: "nearest", inline: "nearest" });
    (links.find((link) => link.dataset.label === focused.dataset.label) ?? links[0]).focus();
  }

  function placeAfter(rows, at, distance) {
    if (at >= 0) return at + distance;
    // None has the focus: begin with what is in sight.
    const inSight = rows.findIndex((row) => row.getBoundingClientRect().bottom > 0);
    return inSight < 0 ? rows.length - 1 : inSight;
  }

  const acts = { j: () => goToRow(1), k: () => goToRow(-1), "?": () => keys.showModal() };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=range]), textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || keys.open || !acts[event.key]) return;
    if (viewer.open && event.key !== "?") return; // the viewer has its own
    event.preventDefault();
    acts[event.key]();
  });

  document.querySelector(".keys-open")?.addEventListener("click", () => keys.showModal());
  document.querySelector(".keys-close").addEventListener("click", () => keys.close());
  keys.addEventListener("click", (event) => event.target === keys && keys.close()); // beside what it holds
});
