"""What part of the machine's cores and memory each slot gets. Starts nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pigeonhole.core.errors import ParameterError

# What the usual numerical libraries read when they are loaded.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


# The rest is for the owner, the system and the page cache.
_FOR_JOBS = 0.9
_GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Share:
    """A slot's part.

    Attributes:
        threads: how many threads its job is to use.
        cpus: the only cores that it may run on; `None` leaves it to the system.
    """

    threads: int
    cpus: tuple[int, ...] | None = None

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """The given variables with those for threads. Who asked for fewer threads than the share keeps to that."""
        # The first is heeded by all, where their own is not set: what it says holds for the others too.
        most = _fewer(self.threads, given.get(_THREAD_VARIABLES[0], ""))
        return {**given, **{name: str(_fewer(most, given.get(name, ""))) for name in _THREAD_VARIABLES}}


def _fewer(threads: int, asked: str) -> int:
    return min(threads, int(asked)) if asked.isdecimal() and int(asked) else threads


def shares(slots: int, cores: int | None) -> list[Share]:
    """A share for each slot. Where the machine's cores divide evenly, each is held to cores of its own.

    Args:
        slots: how many jobs run at once.
        cores: how many cores to divide; `None` takes all that this process may use.

    Raises:
        ParameterError: less than one slot or core.
    """
    for name, value in (("slots", slots), ("cores", cores)):
        if value is not None and value < 1:
            raise ParameterError(f"{name}={value}", "a whole number from 1", f"give at least one of the {name}")
    allowed = allowed_cores()
    count = len(allowed) if cores is None else cores
    threads = max(1, count // slots)
    if slots == 1 or count != len(allowed) or threads * slots != count or not hasattr(os, "sched_setaffinity"):
        return [Share(threads)] * slots
    # Each owner begins elsewhere: two with a job each are not to meet on the first cores while others are idle.
    turn = os.getpid() % slots
    parts = [tuple(allowed[first : first + threads]) for first in range(0, count, threads)]
    return [Share(threads, cpus) for cpus in parts[turn:] + parts[:turn]]


def allowed_cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def memory_share(slots: int, limits: Sequence[str] = _GROUP_LIMITS) -> int:
    """The bytes that each of so many jobs at once may hold: nine tenths of the memory there is, in equal parts.

    Args:
        slots: how many jobs run at once.
        limits: files that may hold the limit of a container.
    """
    import psutil

    there = int(psutil.virtual_memory().total)
    for path in map(Path, limits):
        told = path.read_text(encoding="ascii").strip() if path.is_file() else ""
        if told.isdecimal():
            there = min(there, int(told))
    return int(there * _FOR_JOBS) // slots
