"""The process in which wandb runs, out of the training's way.

wandb wraps the output, ``sys.exit`` and the exception hook of the process that it is in, starts threads there, and lets
it end only when its server has taken everything or does not answer for a while. A training must not be held up by any
of that, nor hand it down to the processes that load its pictures. So ``wandb_client`` starts ``main`` in a process of
its own, which outlives the training for as long as there is something to send.
"""

import contextlib
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wandb import Run

PROJECT = "unpaired-translate"  # where neither WANDB_PROJECT nor a file of settings names one
FINISH_S = 600.0  # how long this process may outlive the training


def main() -> None:
    """Answer requests from stdin: pickled pairs of a method of ``Session`` and its arguments by name.

    The answers are pairs of what went wrong (a sentence or None) and what the method returned. Behind the list of
    folders for imports the command line holds the training's own, which wandb records.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)  # stops the training, whose end is then the end of this
    sys.argv = sys.argv[2:]
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what wandb prints is no answer
    requests: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    session = Session()
    while not session.is_ending and (request := requests.get()) is not None:
        answer = pickle.dumps(_answer(session, *request))
        with contextlib.suppress(OSError):  # the training is gone; what it asked for before is done all the same
            answers.write(answer)
            answers.flush()
    session.close()


def _read(requests: SimpleQueue[Any]) -> None:
    """Take requests until the training is gone; then there is an end to everything, also to what hangs."""
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            requests.put(pickle.load(sys.stdin.buffer))
    requests.put(None)
    time.sleep(FINISH_S)
    os._exit(1)


def _answer(session: "Session", method: str, arguments: Mapping[str, Any]) -> tuple[str | None, Any]:
    try:
        return None, getattr(session, method)(**arguments)
    except Exception as error:
        return str(error).rstrip(". ") or type(error).__name__, None


class Session:
    """A W&B run that is written to."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._row = 0  # the number of the next one, by which W&B orders them
        self.is_ending = False  # the training has said so

    def open(self, folder: Path, id: str, name: str, config: Mapping[str, Any], rows: int) -> dict[str, Any]:
        """Begin the W&B run of this id, or go on with it.

        Args:
            folder: in which wandb makes a folder of its own.
            rows: how many of them it was sent before.

        Returns:
            ``url``, None where there is none; ``folder`` of its files and its former ones; ``is_disabled``.
        """
        import wandb

        known = wandb.setup().settings
        try:
            self._run = wandb.init(
                dir=str(folder),
                id=id,
                resume="allow",
                project=known.project or PROJECT,
                name=known.run_name or name,
                job_type=known.run_job_type or "train",
                config=dict(config),
                allow_val_change=True,
                settings=wandb.Settings(console="off", program=sys.argv[0]),
            )
        except wandb.errors.UsageError as error:
            raise ValueError(f"{str(error).rstrip('.')} (or write to files for now: WANDB_MODE=offline)") from None
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")
        self._row = max(rows, self._run.starting_step)
        url = None if self._run.offline or self._run.disabled else self._run.url
        return {"url": url, "folder": Path(self._run.dir).parents[1], "is_disabled": self._run.disabled}

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows of named values: numbers, or pairs of a picture and its caption."""
        import wandb

        for row in rows:
            values = {
                key: wandb.Image(value[0], caption=value[1]) if isinstance(value, tuple) else value
                for key, value in row.items()
            }
            self._run.log(values, step=self._row, commit=True)
            self._row += 1

    def end(self) -> None:
        """The training ends; one that is gone without a word has failed."""
        self.is_ending = True

    def close(self) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if self.is_ending else 1)
