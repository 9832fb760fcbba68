"""What happens between the steps: logs, pages, states, the progress bar, and the question whether to stop."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from torch import Tensor
from tqdm import tqdm

from translate.data.tensors import to_image, to_uint8
from translate.errors import RunError
from translate.metric_figures import described
from translate.reports.displays import Background
from translate.reports.training import TrainingPage
from translate.settings import TrainSettings
from translate.training.evaluating import Evaluator
from translate.training.health.watch import Watch, sentence
from translate.training.logs import Logs
from translate.training.loop import Trainer
from translate.training.previews import Previews
from translate.training.probing import Prober
from translate.training.run_folder import RunFolder
from translate.training.signals import StopRequest

Pictures = Mapping[str, Image.Image]  # label -> picture

# Besides at the saving points that the flags ask for, so that a crash costs minutes at most.
SAVE_AT_EPOCH_END_AFTER_S = 60.0
SAVE_ANYWAY_AFTER_S = 600.0


class Observer:
    """Called after every step. Frequencies count samples; crossing a multiple counts, whatever the batch size."""

    def __init__(
        self,
        settings: TrainSettings,
        folder: RunFolder,
        logs: Logs,
        page: TrainingPage | None,
        previews: Previews | None,
        stop: StopRequest,
        facts: dict[str, str],
        displays: Sequence[Background] = (),
        evaluator: Evaluator | Prober | None = None,
        watch: Watch | None = None,
    ):
        self.reports = settings.reports
        self.folder = folder
        self.logs = logs
        self.page = page
        self.previews = previews
        self.stop = stop
        self.facts = facts
        self.displays = displays
        self.evaluator = evaluator
        self.watch = watch
        self.last_epoch = settings.optimizer.n_epochs + settings.optimizer.n_epochs_decay
        self.saved_at = time.monotonic()
        self.saved_step = -1
        self.bar: tqdm | None = None

    def start(self, trainer: Trainer) -> None:
        progress, size = trainer.progress, trainer.batch_size
        total_steps = trainer.limits.total_steps(progress, size)
        ahead = (total_steps - progress.step) * size
        if self.watch:
            self.watch.run_steps = total_steps
        self.bar = tqdm(
            total=progress.samples + ahead,
            initial=progress.samples,
            unit="pic",
            smoothing=0.02,
            dynamic_ncols=True,
            disable=None,
        )
        for display in self.displays:
            display.begin(self.facts, progress.step)
        if progress.step == 0:
            self._show_previews(trainer)
            if self.evaluator and self.evaluator.measures_start:
                self._evaluate(trainer)
        self.write_page()

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> None:
        """Bring the logs, the page and the exports back to the saved state at which the trainer stands: the run may
        have been killed behind it."""
        progress = trainer.progress
        self.logs.cut_back(state["log_sizes"])
        if self.watch and "health" in state:
            self.watch.load_state_dict(state["health"])
        if self.page:
            self.page.cut_back(progress.step, progress.epoch)
        self._export("latest", trainer)
        if self.evaluator:
            self.evaluator.resume()
        self.saved_step = progress.step

    def __call__(self, trainer: Trainer) -> bool:
        progress, size, flags = trainer.progress, trainer.batch_size, self.reports
        complete = trainer.epoch_is_complete
        self._advance(trainer)
        if self._crossed(progress.samples, size, flags.print_freq):
            self._log(trainer)
        if self._crossed(progress.samples, size, flags.display_freq) or complete:
            self._look_at(trainer, self._show(trainer))
        if self.evaluator and self._crossed(progress.samples, size, self.evaluator.options.eval_every):
            self._evaluate(trainer)
        if self._crossed(progress.samples, size, flags.update_html_freq):
            self.write_page()
        self._save_if_due(trainer, complete)
        return self.stop.signal is not None

    def finish(self, trainer: Trainer) -> None:
        """Save where the loop ended, whyever it did."""
        self.close()
        if trainer.progress.step != self.saved_step:
            self.save(trainer)  # before it is measured, where a picture may be gone or memory run out
        if self._is_to_be_measured(trainer):
            self._evaluate(trainer)
            self.save(trainer)
        if trainer.state is not None:
            self._show(trainer)
        self.write_page()

    def close(self) -> None:
        """End the progress bar, so that what is said next has a line of its own."""
        if self.bar is not None:
            self.bar.close()

    def save(self, trainer: Trainer, keep: Sequence[str | int] = ()) -> None:
        """The state, and exports of the same step.

        Weights to ``keep`` (an epoch, ``iter_N``) are written before the state, since a run that is killed between
        the two goes on behind it and would not come back for them.
        """
        state = trainer.state_dict()
        for name in keep:
            self._export(name, trainer)
        state["log_sizes"] = self.logs.sizes()
        if self.watch:
            state["health"] = self.watch.state_dict()
        self.folder.save_state(state)
        self._export("latest", trainer)
        self.saved_at, self.saved_step = time.monotonic(), trainer.progress.step

    def _export(self, name: str | int, trainer: Trainer) -> None:
        self.folder.export(name, trainer.method.networks)
        if trainer.average is not None:
            self.folder.export(f"{name}_ema", trainer.average.networks)
        else:
            for former in self.folder.weights(f"{name}_ema").values():
                former.unlink()  # of a run that kept one until now: exports are of the same step

    def write_page(self) -> None:
        if self.page:
            levels, health = (self.watch.levels, self.logs.health_path) if self.watch else ({}, None)
            self.page.write(self.logs.json_path, self.facts, levels, described(), health)

    def _advance(self, trainer: Trainer) -> None:
        if self.bar is not None:
            self.bar.set_description(f"epoch {trainer.progress.epoch}/{self.last_epoch}", refresh=False)
            self.bar.update(trainer.batch_size)

    def _log(self, trainer: Trainer) -> None:
        step_s, data_s = trainer.timing.take()
        progress = trainer.progress
        entry: dict[str, Any] = {"step": progress.step, "epoch": progress.epoch, "losses": trainer.check_losses()}
        entry |= {"step_s": round(step_s, 6), "data_s": round(data_s, 6), "lr": trainer.used_rate}
        line = self.logs.write(entry, progress.epoch_samples, trainer.batch_size)
        tqdm.write(line)
        for display in self.displays:
            display.losses(entry)
        if self.watch:
            self._tell(self.watch.see_losses(progress.step, progress.epoch, entry["losses"]))

    def _is_to_be_measured(self, trainer: Trainer) -> bool:
        """At the end; but who stops a run by a signal does not want to wait."""
        if self.evaluator is None or self.stop.signal is not None:
            return False
        return self.evaluator.evaluated_step != trainer.progress.step

    def _evaluate(self, trainer: Trainer) -> None:
        started = time.monotonic()
        try:
            found = self.evaluator.evaluate(trainer)
        except RunError:
            self.save(trainer)  # the steps are good, whatever cannot be measured
            raise
        for entry in found:
            self.logs.write_metrics(entry)
            for display in self.displays:
                display.metrics(entry)
        trainer.aside_s += time.monotonic() - started
        trainer.timing.take()  # what it took is no part of the steps' time either

    def _show(self, trainer: Trainer) -> Pictures:
        """Show what the last step made, and the previews; returns these."""
        if self.page is None and not self.displays:
            return {}
        progress = trainer.progress
        pictures = {label: _picture(image) for label, image in trainer.method.pictures(trainer.state).items()}
        if self.page:
            self.page.add_current(progress.epoch, pictures)
        for display in self.displays:
            display.pictures(progress.step, progress.epoch, pictures)
        return self._show_previews(trainer)

    def _show_previews(self, trainer: Trainer) -> Pictures:
        if self.previews is None:
            return {}
        progress = trainer.progress
        with trainer.precision.autocast():
            made = self.previews.make(trainer.method)
        if self.page:
            self.page.add_preview(progress.step, progress.epoch, made)
        for display in self.displays:
            display.previews(progress.step, progress.epoch, made)
        return made

    def _look_at(self, trainer: Trainer, previews: Pictures) -> None:
        if self.watch and previews:
            self._tell(self.watch.see_previews(trainer.progress.step, trainer.progress.epoch, previews))

    def _tell(self, entries: Sequence[dict[str, Any]]) -> None:
        """Record what the watch has seen; print and show warnings, and that some are over."""
        for entry in entries:
            self.logs.write_health(entry)
        sentences = [said for said in map(sentence, entries) if said]
        for said in sentences:
            tqdm.write(said)
        if sentences:
            self.write_page()

    def _save_if_due(self, trainer: Trainer, complete: bool) -> None:
        progress, flags = trainer.progress, self.reports
        waited = time.monotonic() - self.saved_at
        asked = self._crossed(progress.samples, trainer.batch_size, flags.save_latest_freq)
        last = complete and progress.epoch == self.last_epoch
        keep: list[str | int] = []
        if complete and (progress.epoch % flags.save_epoch_freq == 0 or last):
            keep.append(progress.epoch)
        if asked and flags.save_by_iter:
            keep.append(f"iter_{progress.samples}")
        if asked or keep or waited > SAVE_ANYWAY_AFTER_S or (complete and waited > SAVE_AT_EPOCH_END_AFTER_S):
            self.save(trainer, keep)

    @staticmethod
    def _crossed(samples: int, batch_size: int, frequency: int) -> bool:
        return samples // frequency > (samples - batch_size) // frequency


class Follower:
    """In the place of the observer in processes that write nothing: it only hears signals."""

    def __init__(self, stop: StopRequest):
        self.stop = stop

    def __call__(self, trainer: Trainer) -> bool:
        return self.stop.signal is not None

    def resume(self, trainer: Trainer, state: Mapping[str, Any]) -> None:
        """Nothing: the first process does it. So it is with all that follows."""

    def start(self, trainer: Trainer) -> None: ...

    def save(self, trainer: Trainer) -> None: ...

    def finish(self, trainer: Trainer) -> None: ...

    def close(self) -> None: ...


def _picture(image: Tensor) -> Any:
    return to_image(to_uint8(image))
