"""A compute whose owner hears a Ctrl-C where events are waited for, and nowhere else: nothing is half done then."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pigeonhole.compute.job import Compute, Event, Job

# A wait goes on after a signal, so it is cut into pieces of this length.
_TICK_S = 0.2


class Interruptible:
    """The same compute; while its `with` block lasts, it is `events` that raises the KeyboardInterrupt of a Ctrl-C.

    A second one that comes before the first is heard is raised at once, wherever that is. One that nobody waits for
    any more goes unheard. Where SIGINT is ignored or somebody else's, or outside the main thread, nothing changes.

    Args:
        compute: does the work.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._is_asked = False
        self._handles = False

    @property
    def slots(self) -> int:
        """How many jobs run at once."""
        return self._compute.slots

    @property
    def free(self) -> int:
        """How many more could be submitted now and start at once."""
        return self._compute.free

    def submit(self, job: Job) -> None:
        """Starts a job, as the compute does."""
        self._compute.submit(job)

    def events(self, timeout_s: float | None) -> Sequence[Event]:
        """What happened, as the compute says it.

        Raises:
            KeyboardInterrupt: somebody pressed Ctrl-C.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._hear()
            left_s = _TICK_S if end is None else max(0.0, end - time.monotonic())
            events = self._compute.events(min(_TICK_S, left_s))
            if events or left_s <= 0.0 or self.free == self.slots:
                return events

    def answer(self, key: str, record: Mapping[str, Any]) -> None:
        """Answers the job's question, as the compute does."""
        self._compute.answer(key, record)

    def cancel(self, key: str) -> None:
        """Stops a job, as the compute does."""
        self._compute.cancel(key)

    def close(self) -> None:
        """Stops everything, as the compute does."""
        self._compute.close()

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._handles = True
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._handles:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.close()

    def _note(self, *_: object) -> None:
        self._is_asked = not self._is_asked
        if not self._is_asked:
            raise KeyboardInterrupt

    def _hear(self) -> None:
        if self._is_asked:
            self._is_asked = False
            raise KeyboardInterrupt
