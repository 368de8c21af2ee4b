"""Runs jobs on this machine, several at a time, each with its share of the cores. Knows nothing of what they do."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pigeonhole.compute.job import Event, Job
from pigeonhole.compute.shares import shares
from pigeonhole.compute.slot import Slot
from pigeonhole.core.errors import ConflictError, UsageError

GRACE_S = 5.0


class LocalCompute:
    """A `Compute` of local processes.

    Functions run in long-lived workers, one a slot, so that what they import is loaded once; what a function leaves
    running in its worker (a pool of processes, say) stays for the next. A command runs in a shell, and whatever it
    leaves running is ended with it. A worker whose job was ended by force is replaced.

    Everything ends with the owner's thread, even if that is killed.

    Args:
        slots: how many jobs run at once.
        cores: how many cores they share; `None` takes all that this process may use.
        grace_s: how long a job may take to end when it is asked to.

    Raises:
        ParameterError: less than one slot or core.
    """

    def __init__(self, slots: int, cores: int | None = None, *, grace_s: float = GRACE_S) -> None:
        self._shares = shares(slots, cores)
        self._grace_s = grace_s
        self._kept: dict[int, Slot] = {}  # those that have been used, by their place among the shares
        self._selector = selectors.DefaultSelector()
        self._is_closed = False

    @property
    def slots(self) -> int:
        """How many jobs run at once."""
        return len(self._shares)

    @property
    def free(self) -> int:
        """How many more could be submitted now; a job has its slot until `events` gives its outcome."""
        return self.slots - sum(slot.key is not None for slot in self._kept.values())

    def submit(self, job: Job) -> None:
        """Starts a job.

        Raises:
            ConflictError: a job of that key is running, no slot is free, or the compute is closed.
            UsageError: it names not exactly one of a function and a command, or has arguments that are not JSON-ready.
            UnavailableError: the system has no room for another process.
        """
        self._check(job)
        self._free_slot(wants_worker=job.function is not None).start(job)

    def events(self, timeout_s: float | None) -> Sequence[Event]:
        """What happened since the last call; waits for it while anything runs.

        Args:
            timeout_s: how long; `None` for as long as it takes. Where nothing runs nothing is waited for.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        events: list[Event] = []
        while not events and self.free < self.slots:
            ready = self._selector.select(None if end is None else max(0.0, end - time.monotonic()))
            for key, _ in ready:
                events += self._heard(key.data)
            if not ready:
                break
        return events

    def answer(self, key: str, record: Mapping[str, Any]) -> None:
        """Answers the job's question. A job that has ended meanwhile is no error.

        Raises:
            ConflictError: it has not asked.
        """
        if slot := self._slot(key):
            slot.answer(record)

    def cancel(self, key: str) -> None:
        """Stops a job and every process it started; one that has ended meanwhile keeps its outcome."""
        if slot := self._slot(key):
            slot.cancel()

    def close(self) -> None:
        """Stops everything; afterwards no process is left."""
        self._is_closed = True
        slots = list(self._kept.values())
        self._kept.clear()
        try:
            for slot in slots:
                slot.leave()
            for slot in slots:
                slot.wait()
        finally:  # who does not want to wait for those that take their time has them killed
            for slot in slots:
                slot.lose()
            self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _free_slot(self, *, wants_worker: bool) -> Slot:
        for dead in [place for place, slot in self._kept.items() if slot.key is None and slot.is_dead]:
            self._heard(dead)  # its keeper was killed while nothing ran there, which is nobody's loss
        free = [slot for slot in self._kept.values() if slot.key is None]
        # What a worker has imported is worth a second or more.
        fitting = next((slot for slot in free if slot.has_worker == wants_worker), None)
        if fitting is not None:
            return fitting
        place = next((place for place in range(self.slots) if place not in self._kept), None)
        if place is None:
            return free[0]
        slot = self._kept[place] = Slot(self._shares[place], self._grace_s)
        self._selector.register(slot.fileno(), selectors.EVENT_READ, place)
        return slot

    def _heard(self, place: int) -> list[Event]:
        slot = self._kept[place]
        descriptor = slot.fileno()
        events = slot.hear()
        if slot.is_lost:
            self._selector.unregister(descriptor)
            del self._kept[place]
        return events

    def _slot(self, key: str) -> Slot | None:
        return next((slot for slot in self._kept.values() if slot.key == key), None)

    def _check(self, job: Job) -> None:
        if self._is_closed:
            raise ConflictError(f"the job {job.key!r} for a closed compute", "a compute that is open", "make a new one")
        if self._slot(job.key):
            raise ConflictError(f"a second job {job.key!r}", "a key of its own", "wait for the first, or name it anew")
        if not self.free:
            what = f"the job {job.key!r} while {self.slots} are running"
            raise ConflictError(what, "as many as there are slots", "wait for an outcome")
        if (job.function is None) == (job.command is None):
            raise UsageError(f"the job {job.key!r}", "either a function or a command", "give one of the two")
        if job.function is not None and not all(job.function.partition(":")):
            what = f"the function {job.function!r} of the job {job.key!r}"
            raise UsageError(what, "package.module:name", "name the module, a colon and the function")
