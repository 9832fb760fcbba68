"""Ctrl-C, SIGTERM and a terminal that is closed ask for a stop; the loop stops after the step it is in, and saves."""

import os
import signal
from types import FrameType
from typing import Any

from translate.collectives import gather_values

HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


class StopRequest:
    """Inside ``with StopRequest() as stop`` the first SIGINT, SIGTERM or SIGHUP sets ``stop.signal``; a second Ctrl-C
    interrupts at once. SIGHUP is let be where it is ignored, as ``nohup`` has it. Outside the main thread, where Python
    delivers no signals, nothing is installed."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._former: dict[int, Any] = {}
        self._terminals: list[int] = []

    def __enter__(self) -> "StopRequest":
        self._terminals = [stream for stream in (1, 2) if os.isatty(stream)]
        for number in (signal.SIGINT, signal.SIGTERM, HANGUP):
            if number is None or (number == HANGUP and signal.getsignal(number) == signal.SIG_IGN):
                continue
            try:
                self._former[number] = signal.signal(number, self._receive)
            except ValueError:  # not the main thread
                break
        return self

    def __exit__(self, *error: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def share(self) -> None:
        """Hear what any of the processes that train together has heard."""
        for number in gather_values(self.signal):
            if number is not None:  # one that arrives meanwhile is not forgotten
                self.signal = number

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        if number == HANGUP:
            self._leave_terminals()
        self.signal = number

    def _leave_terminals(self) -> None:
        """To print on a terminal that is gone would be an error, which would come before the state is saved."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in self._terminals:
            os.dup2(nowhere, stream)
        os.close(nowhere)
