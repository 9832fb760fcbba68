"""Ctrl-C and SIGTERM ask for a stop; the loop stops after the step it is in, and saves."""

import signal
from types import FrameType
from typing import Any

from translate.collectives import gather_values


class StopRequest:
    """Inside ``with StopRequest() as stop`` the first SIGINT or SIGTERM sets ``stop.signal``; a second Ctrl-C
    interrupts at once. Outside the main thread, where Python delivers no signals, nothing is installed."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM):
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
        self.signal = number
