"""A display at work beside the training: no step waits for it, and none of its failures reaches the training."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from tqdm import tqdm

from translate.reports.displays.base import Display, Pictures

# How many of a kind may wait, the newest: entries are small, pictures are not.
WAITING = {"losses": 1000, "metrics": 100, "pictures": 2, "previews": 2}
ENTRIES = ("losses", "metrics")  # of files, from which a display can make up for those that are dropped
RETRY_AFTER_S = 60.0
LEAVE_AFTER_S = 5.0  # how long the end of a training waits for what is still to be shown

Task = Callable[[Display], None]


class Background:
    """The methods of ``Display``, which return at once; a thread calls those of the display itself.

    What the display cannot keep up with is dropped, the oldest first. Its first failure is told in one sentence, no
    other is; after one it is left alone for a minute and then begun anew.

    Args:
        name: of the display, as in ``--display``.
    """

    def __init__(self, name: str, display: Display):
        self.name = name
        self._display = display
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Task]] = {kind: deque(maxlen=most) for kind, most in WAITING.items()}
        self._thread: threading.Thread | None = None
        self._closing = False
        self._has_begun = False
        self._has_lost = False  # an entry was dropped
        self._has_complained = False
        self._retry_at = 0.0
        self._facts: dict[str, str] = {}
        self._step = 0  # of the newest entry that is shown

    def begin(self, facts: Mapping[str, str], step: int) -> None:
        self._facts, self._step = dict(facts), step
        self._thread = threading.Thread(target=self._work, name=f"display {self.name}", daemon=True)
        self._thread.start()

    def losses(self, entry: Mapping[str, Any]) -> None:
        def show(display: Display) -> None:
            display.losses(entry)
            self._step = entry["step"]

        self._add("losses", show)

    def metrics(self, entry: Mapping[str, Any]) -> None:
        self._add("metrics", lambda display: display.metrics(entry))

    def pictures(self, step: int, epoch: int, pictures: Pictures) -> None:
        self._add("pictures", lambda display: display.pictures(step, epoch, pictures))

    def previews(self, step: int, epoch: int, pictures: Pictures) -> None:
        self._add("previews", lambda display: display.previews(step, epoch, pictures))

    def close(self) -> None:
        """Let the display show what waits, but not for long."""
        if self._thread is None:
            return
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(LEAVE_AFTER_S)
        if self._thread.is_alive():
            self._complain("it is too slow for the last that was to be shown")

    def _add(self, kind: str, task: Task) -> None:
        with self._changed:
            waiting = self._waiting[kind]
            self._has_lost |= kind in ENTRIES and len(waiting) == waiting.maxlen
            waiting.append(task)
            self._changed.notify()

    def _work(self) -> None:
        self._attempt(lambda display: None)
        while True:
            task, closing = self._next()
            if task is None:
                break
            if not closing and time.monotonic() < self._retry_at:
                continue
            if not self._attempt(task) and closing:
                return
        if self._has_begun:
            self._attempt(lambda display: display.close())

    def _next(self) -> tuple[Task | None, bool]:
        """What is to be done next, None at the end, and whether the training has ended."""
        with self._changed:
            while True:
                waiting = next((tasks for tasks in self._waiting.values() if tasks), None)
                if waiting:
                    return waiting.popleft(), self._closing
                if self._closing:
                    return None, True
                self._changed.wait()

    def _attempt(self, task: Task) -> bool:
        try:
            if not self._has_begun or self._has_lost:
                self._has_lost = False
                self._display.begin(self._facts, self._step)
                self._has_begun = True
            task(self._display)
            return True
        except Exception as error:  # whatever it is, the training goes on
            self._has_begun = False
            self._retry_at = time.monotonic() + RETRY_AFTER_S
            self._complain(" ".join(str(error).split())[:300] or type(error).__name__)
            return False

    def _complain(self, reason: str) -> None:
        if not self._has_complained:
            self._has_complained = True
            tqdm.write(f"note: --display {self.name}: {reason}; the training goes on without it", file=sys.stderr)
