"""Progress on stderr, shown only for work that takes longer than two seconds. Results never pass through here."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol

QUIET_S = 2.0


class Progress(Protocol):
    """Where a long task says how far it is."""

    def expect(self, total: int) -> None:
        """There are `total` units, for a task that learns it only after it began."""

    def advance(self, n: int = 1) -> None:
        """`n` more units are done."""

    def note(self, text: str) -> None:
        """A line worth reading on its own."""


class Silent:
    """Progress that nobody watches."""

    def expect(self, total: int) -> None:
        """Nothing is shown."""

    def advance(self, n: int = 1) -> None:
        """Nothing is shown."""

    def note(self, text: str) -> None:
        """Nothing is shown."""


class _Bar:
    """A bar on a terminal, a line every few seconds elsewhere (a log file, CI)."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._total, self._done = what, total, 0
        self._start = self._shown = time.perf_counter()
        self._terminal = sys.stderr.isatty()

    def expect(self, total: int) -> None:
        self._total = total

    def advance(self, n: int = 1) -> None:
        self._done += n
        now = time.perf_counter()
        due = 0.1 if self._terminal else 5.0
        if now - self._start > QUIET_S and now - self._shown > due:
            self._shown = now
            self._write(self._line(now), "" if self._terminal else "\n")

    def note(self, text: str) -> None:
        self.clear()
        self._write(text, "\n")

    def clear(self) -> None:
        if self._terminal and self._shown > self._start:
            self._write("", "")

    def _line(self, now: float) -> str:
        if not self._total:
            return f"{self._what} {self._done:,}"
        share = min(1.0, self._done / self._total)
        left_s = (now - self._start) * (1 - share) / max(share, 1e-9)
        bar = "█" * int(share * 24) + "░" * (24 - int(share * 24))
        return f"{self._what} {bar} {share:4.0%} {left_s:.0f}s left"

    def _write(self, text: str, end: str) -> None:
        start = "\r\x1b[K" if self._terminal else ""
        sys.stderr.write(f"{start}{text}{end}")
        sys.stderr.flush()


@contextlib.contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Progress]:
    """A progress bar on stderr for the length of the block.

    Args:
        what: the work, in a word or two.
        total: how many units it has; `None` where that is not known.
    """
    shown = _Bar(what, total)
    try:
        yield shown
    finally:
        shown.clear()
