"use strict";
// The viewer: click a picture to enlarge it, arrows go from row to row and from picture to picture,
// and a slider compares what a row had before with what it became, or their difference is shown.

document.addEventListener("DOMContentLoaded", () => {
  const viewer = document.getElementById("viewer");
  const part = (name) => viewer.querySelector(`.viewer-${name}`);
  const picture = part("picture");
  const compare = part("compare");
  const slider = part("slider");
  const gain = part("gain");
  let row = null; // the element with data-row that is shown
  let shown = null; // the link of the picture that is shown; in a comparison, the one after
  let mode = ""; // "": one picture; "slider" and "difference": a comparison

  const rows = () =>
    [...document.querySelectorAll("[data-row]:not([hidden])")].filter((each) => each.querySelector("a.zoom"));
  const links = (of) => [...of.querySelectorAll("a.zoom")];
  const before = (of) => links(of).find((link) => link.dataset.part === "before");
  const afters = (of) => links(of).filter((link) => link.dataset.part === "after");
  const comparable = (of) => Boolean(before(of)) && afters(of).length > 0;

  function show(newRow, link, newMode) {
    row = newRow;
    mode = comparable(row) ? newMode : "";
    // The last one after is the newest; it is what the input is compared with unless another one was chosen.
    shown = mode && link.dataset.part !== "after" ? afters(row).at(-1) : link;
    picture.hidden = Boolean(mode);
    compare.hidden = !mode;
    compare.classList.toggle("difference", mode === "difference");
    slider.hidden = mode !== "slider";
    gain.hidden = mode !== "difference";
    if (mode) {
      load(part("before"), before(row));
      load(part("after"), shown);
      showTags();
    } else {
      load(picture, shown);
    }
    part("name").textContent = row.dataset.row;
    part("file").href = shown.href;
    const all = rows();
    const at = all.indexOf(row);
    part("count").textContent = `${at + 1} of ${all.length}`;
    const score = row.querySelector("[data-score]")?.dataset.score;
    part("score").textContent = score ? `${score} ${document.getElementById("sort").selectedOptions[0].text}` : "";
    part("previous").disabled = at <= 0;
    part("next").disabled = at >= all.length - 1;
    showChoice();
    if (!viewer.open) viewer.showModal();
    else if (!document.activeElement.disabled && !document.activeElement.hidden) return;
    viewer.focus(); // rather than the first link in it, which Enter would follow, or a button that has just gone
  }

  function showTags() {
    const [first, second] = [before(row).dataset.label, shown.dataset.label];
    const subtracted = mode === "difference";
    part("tag-before").textContent = subtracted ? `|${first} − ${second}| × ${gain.value}` : first;
    part("tag-after").textContent = subtracted ? "" : second;
    slider.setAttribute("aria-label", `Divider: ${first} left, ${second} right`);
    gain.setAttribute("aria-valuetext", `${gain.value} times`);
  }

  function load(image, link) {
    const small = link.querySelector("img");
    image.src = link.dataset.shown ?? link.href; // a copy of what no browser shows
    image.alt = small.alt;
    // The frame takes the shape of the first picture: a comparison that of the input.
    const framed = image === part("after") ? null : image === picture ? picture : compare;
    if (!framed) return;
    const fit = (width, height) => framed.style.setProperty("--aspect", width / height || 1);
    fit(small.getAttribute("width"), small.getAttribute("height")); // of the whole picture, which is yet to come
    image.onload = () => fit(image.naturalWidth, image.naturalHeight);
  }

  function showChoice() {
    // With several pictures after (moments of a run) one chooses which of them to compare with.
    const choosing = mode && afters(row).length > 1;
    const buttons = links(row).map((link) =>
      choice(link.dataset.label, link === shown && (choosing || !mode), () =>
        show(row, link, choosing && link.dataset.part === "after" ? mode : "")));
    part("choice").replaceChildren(...buttons);
    part("choice").querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "center" });
    for (const [button, its] of [["toggle", "slider"], ["subtract", "difference"]]) {
      part(button).hidden = !comparable(row);
      part(button).setAttribute("aria-pressed", mode === its);
    }
  }

  function choice(text, pressed, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-pressed", pressed);
    made.addEventListener("click", () => {
      act();
      // The buttons were made anew; keyboard users stay where they were.
      [...part("choice").children].find((each) => each.textContent === text).focus();
    });
    return made;
  }

  function goToRow(distance) {
    const all = rows();
    const next = all[all.indexOf(row) + distance];
    if (!next) return;
    const same = links(next).find((link) => link.dataset.label === shown.dataset.label);
    const alike = links(next).filter((link) => link.dataset.part === shown.dataset.part).at(-1);
    show(next, same ?? alike ?? links(next)[0], mode);
  }

  function goToPicture(distance) {
    const among = mode ? afters(row) : links(row);
    const next = among[among.indexOf(shown) + distance];
    if (next) show(row, next, mode);
  }

  const turn = (wanted) => show(row, shown, mode === wanted ? "" : wanted);

  function amplify() {
    compare.style.setProperty("--gain", gain.value);
    showTags();
  }

  function cut(percent) {
    slider.value = percent;
    compare.style.setProperty("--cut", `${slider.value}%`);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.zoom");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return; // those open a tab or a window
    event.preventDefault();
    cut(50);
    show(link.closest("[data-row]"), link, "");
  });

  viewer.addEventListener("close", () => {
    row.scrollIntoView({ block: "nearest" });
    shown.focus({ preventScroll: true });
  });

  // On the document, as the focus leaves the viewer when a button in it is disabled or goes.
  document.addEventListener("keydown", (event) => {
    if (!viewer.open || document.querySelector("#keys").open) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if ([slider, gain].includes(event.target) && event.key.startsWith("Arrow")) return; // their own keys
    const acts = {
      ArrowLeft: () => goToRow(-1),
      ArrowRight: () => goToRow(1),
      k: () => goToRow(-1),
      j: () => goToRow(1),
      ArrowUp: () => goToPicture(-1),
      ArrowDown: () => goToPicture(1),
      c: () => turn("slider"),
      d: () => turn("difference"),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });

  part("previous").addEventListener("click", () => goToRow(-1));
  part("next").addEventListener("click", () => goToRow(1));
  part("toggle").addEventListener("click", () => turn("slider"));
  part("subtract").addEventListener("click", () => turn("difference"));
  part("close").addEventListener("click", () => viewer.close());
  part("stage").addEventListener("click", (event) => event.target === part("stage") && viewer.close());
  slider.addEventListener("input", () => cut(slider.value));
  gain.addEventListener("input", amplify);
  // After a drag by mouse or finger the arrows go from row to row again; with Tab the slider keeps them.
  for (const each of [slider, gain]) each.addEventListener("pointerup", () => viewer.focus());

  const drag = (event) => {
    const frame = compare.getBoundingClientRect();
    cut((100 * (event.clientX - frame.left)) / frame.width);
  };
  compare.addEventListener("pointerdown", (event) => {
    if (mode !== "slider") return;
    compare.setPointerCapture(event.pointerId);
    drag(event);
  });
  compare.addEventListener("pointermove", (event) => compare.hasPointerCapture(event.pointerId) && drag(event));

  // The newest previews stand at the right.
  for (const scroller of document.querySelectorAll(".scroller")) scroller.scrollLeft = scroller.scrollWidth;
});
