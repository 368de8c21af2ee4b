"""What this machine has, and whether the deployments of an endpoint ask for more."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import psutil

from pigeonhole.endpoints.plans import Slot

GIB = 1 << 30
_CGROUP = Path("/sys/fs/cgroup")


def cores() -> float:
    """Processor cores this process may use: its affinity, and its container's quota where there is one."""
    count = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    return min(count, int(quota) / int(period)) if quota.isdigit() and period.isdigit() else count


def memory_gib() -> float:
    """Memory of this machine, or its container's limit where there is one, in GiB."""
    total = int(psutil.virtual_memory().total)
    limit = _read(_CGROUP / "memory.max")
    return (min(total, int(limit)) if limit.isdigit() else total) / GIB


def shortage(slots: Sequence[Slot], workers: int = 1) -> tuple[str, str] | None:
    """Why deployments cannot run here together and what to do, or `None` if they can.

    Args:
        slots: the deployments.
        workers: in how many processes at most; each holds all of them.
    """
    times = f" by {workers} workers" if workers > 1 else ""
    missing, fitting = [], []
    for what, flag, has, asked in (
        ("cores", "--cpu", cores(), [(slot, slot.cpu * workers) for slot in slots]),
        ("GiB of memory", "--memory", memory_gib(), [(slot, slot.memory_gib * workers) for slot in slots]),
    ):
        total = sum(amount for _, amount in asked)
        if total > has:
            missing.append(f"{total:g} {what} are asked for{_by_whom(asked)}{times} and this machine has {has:.3g}")
            left = has - sum(amount for slot, amount in asked if not slot.brought)
            fitting.append((flag, left / workers))
    if not missing:
        return None
    if any(slot.brought for slot in slots) and all(left > 0 for _, left in fitting):
        most = " ".join(f"{flag} {math.floor(left * 100) / 100:g}" for flag, left in fitting)
        return "; ".join(missing), f"deploy again with at most {most}, or on a larger machine"
    fewer = "ask for fewer workers, or take a deployment away first (pigeonhole endpoints rm)"
    return "; ".join(missing), f"{fewer}, or use a larger machine"


def _by_whom(asked: Sequence[tuple[Slot, float]]) -> str:
    """Who asks for how much, where several do."""
    return f" ({', '.join(f'{slot.name} {amount:g}' for slot, amount in asked)})" if len(asked) > 1 else ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
