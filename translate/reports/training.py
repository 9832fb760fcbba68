"""The page of a training run: facts, loss curves, the same pictures over time, and the newest ones."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from dominate import tags
from dominate.tags import html_tag
from dominate.util import raw
from PIL import Image

from translate.reports.cards import aspect, card, cards, glossary, shown_size, zoom
from translate.reports.curves import loss_curves_svg
from translate.reports.figures import Figure
from translate.reports.health import health_section, read_health
from translate.reports.page import heading, page, save_page
from translate.reports.picture_files import Moment, PictureFiles
from translate.reports.quality import quality
from translate.reports.training_log import TrainingLog, read_training_log

EPOCHS_SHOWN = 10
PREVIEW_WIDTH = 160  # px, at most; a dozen moments stand side by side
LABEL_ORDER = ("real_A", "fake_B", "real_B", "idt_B")

# What is worth saying about a loss, where one of these is among those logged.
READING_HINTS = (
    (
        ("G_GAN", "D_real", "D_fake", "G_A", "D_A", "D_B"),
        "Losses of generators and discriminators are a game: they settle rather than fall. With the least-squares "
        "loss 0.25 for each of them is a draw; D_real and D_fake near 0 mean that the discriminator wins.",
    ),
    (
        ("NCE",),
        "NCE starts near the logarithm of the number of patches (5.545 for 256), which is guessing, and falls; it "
        "does not reach 0.",
    ),
    (
        ("classes",),
        "classes starts near the logarithm of the number of colours (5.746 for 313), which is guessing, and falls; it "
        "does not reach 0, as most things can have more than one colour.",
    ),
)
ABOUT_CHECKPOINTS = "Which checkpoint is best the curves do not tell: look at the previews, or measure."


class TrainingPage:
    """Writes ``<folder>/index.html`` and the pictures it shows, at a cost that does not grow with the run.

    Args:
        folder: ``<run>/web``; previews and pictures that are there already are picked up.
        title: of the page, usually the name of the run.
        width: of the newest pictures in the page, in pixels.
        max_previews: most moments of which the fixed previews are kept, at least 2.
    """

    def __init__(self, folder: Path, title: str, width: int = 256, max_previews: int = 12):
        self.folder = Path(folder)
        self.title = title
        self.width = width
        self._files = PictureFiles(self.folder / "images", max_previews)

    def add_preview(self, step: int, epoch: int, pictures: Mapping[str, Image.Image]) -> None:
        """Keep the fixed previews of one moment as ``images/preview_step0001200_<label>.png``.

        Args:
            pictures: label -> picture; the labels start with the number of the preview: ``0_real_A``,
                ``0_fake_B``, ``1_real_A``, ...  When there are more moments than ``max_previews``, every
                other one is deleted; the first and the newest always stay.

        Raises:
            RunError: the disk refused the write.
        """
        self._files.add_preview(step, epoch, pictures)

    def add_current(self, epoch: int, pictures: Mapping[str, Image.Image]) -> None:
        """Write the newest pictures as ``images/epoch001_real_A.png``, over earlier ones of the same epoch.

        Raises:
            RunError: the disk refused the write.
        """
        self._files.add_current(epoch, pictures)

    def cut_back(self, step: int, epoch: int) -> None:
        """Remove previews later than ``step`` and current pictures later than ``epoch``, as a resumed run must."""
        self._files.cut_back(step, epoch)

    def write(
        self,
        log_path: Path,
        facts: Mapping[str, str],
        levels: Mapping[str, tuple[str, float]] | None = None,
        described: Mapping[str, Figure] | None = None,
        health_path: Path | None = None,
    ) -> None:
        """Rewrite ``index.html`` from the log (see ``read_training_log``), what was measured, and the pictures.

        Args:
            log_path: ``log.jsonl``; ``metrics.jsonl`` and ``best.json`` lie beside it, where there are any.
            facts: name -> value, shown at the top after epoch, step and speed, which the log tells.
            levels: values that losses are compared with (see ``loss_curves_svg``).
            described: what metrics are called (see ``quality``).
            health_path: the run's ``health.jsonl`` (see ``read_health``); None where nobody looks for troubles.

        Raises:
            RunError: the disk refused the write; the former page is untouched.
        """
        log = read_training_log(log_path)
        made = page(self.title)
        content = tags.main(heading(self.title, {**_progress(log), **facts}))
        if meanings := glossary(self._labels()):
            content.add(meanings)
        if health_path is not None:
            content.add(health_section(read_health(health_path), levels or {}))
        if measured := quality(Path(log_path).parent, described):
            content.add(measured)
        content.add(_losses(log, levels))
        if self._files.moments:
            content.add(self._previews())
        if self._files.epochs:
            content.add(self._newest())
        made.add(content)
        save_page(made, self.folder / "index.html")

    def _previews(self) -> html_tag:
        moments = self._files.moments
        labels = list(dict.fromkeys(label for moment in moments for label in moment.files))
        rows = [row for number in _numbers(labels) for row in self._preview_rows(number, labels)]
        head = tags.tr(tags.th("input", scope="col"), *(_moment_head(moment) for moment in moments))
        width = min(self.width, PREVIEW_WIDTH)
        timeline = tags.table(
            tags.caption("oldest left, newest right"), tags.thead(head), tags.tbody(*rows), cls="timeline"
        )
        scroller = tags.div(timeline, cls="scroller", tabindex="0", role="region", aria_label="Previews over time")
        return tags.section(tags.h2("Previews"), scroller, style=f"--width:{width}px")

    def _preview_rows(self, number: str, labels: list[str]) -> list[html_tag]:
        """One row for each kind of picture that changes with training, led by the picture it was made from."""
        kinds = [_kind(label) for label in labels if _number(label) == number]
        sources = [kind for kind in kinds if kind.startswith("real_")]
        made = [kind for kind in kinds if kind not in sources] or sources
        return [self._preview_row(number, kind, _source(kind, sources)) for kind in made]

    def _preview_row(self, number: str, kind: str, source: str | None) -> html_tag:
        label = _joined(number, kind)
        name = f"input {number}: {kind}" if number else kind
        shown = [moment for moment in self._files.moments if label in moment.files]
        ratio = aspect(self.folder / "images" / shown[-1].files[label])
        row = tags.tr(data_row=name, style=f"--aspect:{ratio:.4f}")
        row.add(self._source_cell(name, _joined(number, source) if source else None, source))
        for moment in self._files.moments:
            if label in moment.files:
                at = f"step {moment.step:,}"
                row.add(tags.td(self._zoom(at, moment.files[label], f"{name} at {at}", "after")))
            else:
                row.add(tags.td())
        return row

    def _source_cell(self, name: str, label: str | None, kind: str | None) -> html_tag:
        newest = next((m.files[label] for m in reversed(self._files.moments) if label in m.files), None)
        if newest is None:
            return tags.th(tags.span(name), scope="row")
        return tags.th(self._zoom(kind, newest, f"{kind} of {name}", "before"), scope="row")

    def _zoom(self, label: str, file: str, alt: str, part: str) -> html_tag:
        return zoom(label, f"images/{file}", alt, part, shown_size(self.folder / "images" / file))

    def _newest(self) -> html_tag:
        epochs = sorted(self._files.epochs, reverse=True)[:EPOCHS_SHOWN]
        rows = {f"epoch {epoch}": _ordered(self._files.epochs[epoch]) for epoch in epochs}
        labels = list(dict.fromkeys(label for pictures in rows.values() for label in pictures))
        made = [card(name, pictures, self.folder) for name, pictures in rows.items()]
        return tags.section(tags.h2("Newest pictures of each epoch"), cards(made, self.width, len(labels)))

    def _labels(self) -> set[str]:
        """The labels of all pictures that the page may show."""
        previews = {_kind(label) for moment in self._files.moments for label in moment.files}
        return previews.union(*self._files.epochs.values())


def _progress(log: TrainingLog) -> dict[str, str]:
    facts = {}
    if log.epoch is not None:
        facts["epoch"] = str(log.epoch)
    if log.step is not None:
        facts["step"] = f"{log.step:,}"
    if log.step_s is not None:
        waiting = f" ({log.data_s:.2g} s waiting for data)" if log.data_s is not None else ""
        facts["time a step"] = f"{log.step_s:.2g} s{waiting}"
    return facts


def _losses(log: TrainingLog, levels: Mapping[str, tuple[str, float]] | None) -> html_tag:
    content = tags.section(tags.h2("Losses"))
    if not log.series:
        content.add(tags.p("None logged yet.", cls="empty"))
        return content
    content.add(tags.div(raw(loss_curves_svg(log.series, levels=levels)), cls="curves"))
    content.add(tags.details(tags.summary("How to read them"), tags.ul(*map(tags.li, _hints(log.series)))))
    return content


def _hints(losses: Collection[str]) -> list[str]:
    known = [hint for names, hint in READING_HINTS if any(name in losses for name in names)]
    return [*known, ABOUT_CHECKPOINTS]


def _moment_head(moment: Moment) -> html_tag:
    when = tags.th(f"step {moment.step:,}", scope="col")
    if moment.epoch is not None:
        when.add(tags.span(f"epoch {moment.epoch}"))
    return when


def _number(label: str) -> str:
    """The leading number of a preview's label: "0" of "0_real_A"; "" where it has none."""
    match = re.match(r"(\d+)_", label)
    return match[1] if match else ""


def _kind(label: str) -> str:
    return label.removeprefix(f"{_number(label)}_") if _number(label) else label


def _joined(number: str, kind: str) -> str:
    return f"{number}_{kind}" if number else kind


def _numbers(labels: list[str]) -> list[str]:
    return sorted({_number(label) for label in labels}, key=lambda number: int(number or -1))


def _source(kind: str, sources: list[str]) -> str | None:
    """The real picture that ``kind`` was made from: real_A of fake_B and rec_A, real_B of idt_B."""
    if kind in sources:
        return None
    same, other = f"real_{kind[-1]}", f"real_{'B' if kind[-1] == 'A' else 'A'}"
    wanted = other if kind.startswith("fake_") else same
    return wanted if wanted in sources else next(iter(sources), None)


def _ordered(files: Mapping[str, str]) -> dict[str, str]:
    """label -> path from the page, in the order in which people read them."""
    known = [label for label in LABEL_ORDER if label in files]
    return {label: f"images/{files[label]}" for label in [*known, *(label for label in files if label not in known)]}
