"""Says where a training hangs: a thread looks now and then whether a step has ended.

Nothing is marked while the training computes. A stage is told from Python's stack when it is asked for: it is that of
the innermost of the functions below.
"""

import inspect
import multiprocessing
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from translate import collectives
from translate.data.listing import shown_some
from translate.errors import TranslateError
from translate.files import write_text
from translate.training.evaluating import Evaluator
from translate.training.feeding import make_sampler
from translate.training.forward import Forward
from translate.training.gradients import Gradients
from translate.training.job import Job
from translate.training.loop import Trainer, _next
from translate.training.observer import Observer
from translate.training.preparing import Preparation

WAITING_FOR_DATA = "waiting for data"
WAITING_FOR_OTHERS = "waiting for the other processes, of which one is late"
# Names in braces are variables of the function.
STAGES: dict[Callable, str] = {
    _next: WAITING_FOR_DATA,
    Preparation.__call__: "preparing a batch",
    Forward.of: "the forward pass for player {player}",
    Gradients.of: "the losses and gradients of player {player}",
    Trainer.step: "updating the weights",
    Trainer.check_losses: "fetching the losses from the device",
    collectives.average_over_processes: "exchanging gradients with the other processes, of which one is late",
    collectives.gather_samples: "exchanging pictures with the other processes, of which one is late",
    collectives.gather_values: WAITING_FOR_OTHERS,
    collectives.any_says: WAITING_FOR_OTHERS,
    Observer._log: "logging",
    Observer._show: "showing pictures of the training",
    Observer._show_previews: "making previews",
    Observer.write_page: "writing the training page",
    Evaluator.evaluate: "measuring the quality of translations",
    Observer.save: "saving the state in {self.folder.path}",
    Observer.resume: "going back to the saved state in {self.folder.path}",
}
ELSEWHERE = "what is done before and between the steps"
_WORDS = {inspect.unwrap(function).__code__: words for function, words in STAGES.items()}

LOOKS = 8  # in the time after which it speaks
LONGEST_PAUSE_S = 5.0
SLOWER = 2  # a step may take so many times the longest one so far
MOST_PICTURES = 4
DEBUGGERS = {"bdb", "pdb", "pydevd", "_pydevd_bundle"}


class Patience:
    """When to speak: no step has ended for ``stall_s`` seconds and for twice the longest time between two so far;
    again after twice, four times, eight times as long.

    Args:
        stall_s: above 0.
        step, now: number of the last step and a monotonic clock's seconds, as in each look.
    """

    def __init__(self, stall_s: float, step: int, now: float):
        self.stall_s = stall_s
        self.pause_s = min(stall_s / LOOKS, LONGEST_PAUSE_S)  # between two looks
        self._step, self._since, self._looked = step, now, now
        self._longest_s, self._speaks_after_s = 0.0, stall_s

    def look(self, step: int, now: float) -> float | None:
        """Seconds without a step if it is time to say so."""
        overslept_s, self._looked = now - self._looked - self.pause_s, now
        if overslept_s > self.stall_s:
            self._since += overslept_s  # the whole process was stopped, and is not to blame
        waited_s = now - self._since
        if step != self._step:
            self._step, self._since = step, now
            self._longest_s = max(self._longest_s, waited_s)
            self._speaks_after_s = max(self.stall_s, SLOWER * self._longest_s)
        elif waited_s >= self._speaks_after_s:
            self._speaks_after_s = 2 * waited_s
            return waited_s
        return None


class Watchdog:
    """Inside ``with Watchdog(...)`` a thread watches over the steps of the thread that entered it.

    Where none ends for too long, a sentence on stderr names the stage, and Python's stack goes to ``path``. The
    training is left as it is. Nothing is said under a debugger.

    Args:
        stall_s: seconds without a step after which it speaks; 0 never does.
        steps: number of the last step.
        path: of the file for the stack.
        awaited: the pictures that the next step needs.
        whose: how the sentence begins where several processes may speak, else empty.
    """

    def __init__(
        self,
        stall_s: float,
        steps: Callable[[], int],
        path: Path,
        awaited: Callable[[], Sequence[Path]] = tuple,
        whose: str = "",
    ):
        self.stall_s = stall_s
        self.steps = steps
        self.path = path
        self.awaited = awaited
        self.whose = whose
        self._ended = threading.Event()
        self._watched = 0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Watchdog":
        if self.stall_s > 0:
            self._watched = threading.get_ident()
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(LONGEST_PAUSE_S)  # it may hang itself, on the disk that the training has hung on

    def _watch(self) -> None:
        patience = Patience(self.stall_s, self.steps(), time.monotonic())
        while not self._ended.wait(patience.pause_s):
            waited_s = patience.look(self.steps(), time.monotonic())
            frame = sys._current_frames().get(self._watched)
            if waited_s is not None and frame is not None and not _is_debugged(frame):
                self._speak(waited_s, frame)

    def _speak(self, waited_s: float, frame: FrameType) -> None:
        stack = "".join(traceback.format_stack(frame))
        stage = stage_of(frame)
        if stage == WAITING_FOR_DATA:
            stage += f" ({self._data()})"
        sentence = (
            f"note: {self.whose}no step has ended for {waited_s:.3g} s, since step {self.steps()}: the training is in "
            f"{stage}; the place in the code is in {self.path}"
        )
        # Not through tqdm, whose lock the training may hold; first of all, since a disk may be what hangs.
        print(f"\n{sentence}" if sys.stderr.isatty() else sentence, file=sys.stderr, flush=True)
        with suppress(TranslateError):
            write_text(self.path, f"{time.strftime('%c')}\n{sentence}\n\n{stack}")

    def _data(self) -> str:
        """What the next batch is made of, and by whom."""
        said = f"pictures {shown_some(self.awaited(), MOST_PICTURES)}"
        loaders = [str(process.pid) for process in multiprocessing.active_children()]
        return f"{said}; loader processes {', '.join(loaders)}" if loaders else said


def stage_of(frame: FrameType) -> str:
    """In words, what the training does that stands in this frame."""
    for outer in _outwards(frame):
        if words := _WORDS.get(outer.f_code):
            return words.format_map(outer.f_locals)
    return ELSEWHERE


def watching(job: Job, trainer: Trainer) -> Watchdog:
    """The watchdog of a run."""
    processes, folder = job.processes, job.start.folder.path
    alone = processes.count == 1
    return Watchdog(
        job.settings.run.stall_s,
        lambda: trainer.progress.step,
        folder / ("stalled.txt" if processes.is_first else f"stalled_{processes.rank}.txt"),
        lambda: _next_pictures(job, trainer),
        "" if alone else f"process {processes.rank} of {processes.count}: ",
    )


def _next_pictures(job: Job, trainer: Trainer) -> list[Path]:
    progress, feed = trainer.progress, job.feed
    sampler = make_sampler(feed, job.settings, progress.epoch, progress.epoch_samples, job.sampler.share)
    return [path for key in next(iter(sampler), []) for path in feed.dataset.files(key)]


def _is_debugged(frame: FrameType) -> bool:
    return any(outer.f_globals.get("__name__", "").partition(".")[0] in DEBUGGERS for outer in _outwards(frame))


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
