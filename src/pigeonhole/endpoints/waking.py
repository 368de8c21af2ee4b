"""Sleeping until something happens: a signal, a word from a server process, or the time that was set."""

from __future__ import annotations

import os
import selectors
import signal
from collections.abc import Iterable
from types import FrameType

from pigeonhole.endpoints.child import Child


class Waking:
    """The sleep of a supervisor, which any signal ends at once."""

    def __init__(self) -> None:
        self.is_told_to_stop = False
        self._read_fd, self._write_fd = os.pipe()

    def take_signals(self) -> None:
        """From now on signals wake it, and those that end a process only tell it to stop."""
        for descriptor in (self._read_fd, self._write_fd):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _only_wake)
        signal.signal(signal.SIGHUP, _only_wake)  # somebody asked for something: look at once
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)

    def sleep(self, limit_s: float, speaking: Iterable[Child]) -> None:
        """Until a signal, or a word from one of the processes; `limit_s` seconds at most."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._read_fd, selectors.EVENT_READ)
            for child in speaking:
                selector.register(child.status_fd, selectors.EVENT_READ)
            selector.select(limit_s)
        try:
            while os.read(self._read_fd, 512):
                pass
        except BlockingIOError:
            pass

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.is_told_to_stop = True


def _only_wake(number: int, frame: FrameType | None) -> None:
    """The signal's number in the wake-up pipe is all that is wanted."""
