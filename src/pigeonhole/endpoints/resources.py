"""What this machine has, and whether the deployments of an endpoint ask for more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
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
    slots = [replace(slot, cpu=slot.cpu * workers, memory_gib=slot.memory_gib * workers) for slot in slots]
    times = f" for {workers} workers" if workers > 1 else ""
    missing = []
    lacks_cpu = sum(slot.cpu for slot in slots) > cores()
    if lacks_cpu:
        asked, by_whom = _asked([(slot.name, slot.cpu) for slot in slots])
        missing.append(f"{asked:g} cores are asked for{by_whom}{times} and this machine has {cores():g}")
    lacks_memory = sum(slot.memory_gib for slot in slots) > memory_gib()
    if lacks_memory:
        asked, by_whom = _asked([(slot.name, slot.memory_gib) for slot in slots])
        missing.append(f"{asked:g} GiB of memory are asked for{by_whom}{times} and this machine has {memory_gib():.1f}")
    if not missing:
        return None
    old = [slot for slot in slots if not slot.brought]
    cpu_left, memory_left = cores() - sum(slot.cpu for slot in old), memory_gib() - sum(s.memory_gib for s in old)
    if min(cpu_left, memory_left) <= 0:
        return "; ".join(
            missing
        ), "take another deployment away first (pigeonhole endpoints rm), or use a larger machine"
    remedies = [f"--cpu {cpu_left:g}"] if lacks_cpu else []
    remedies += [f"--memory {memory_left / 2:.1f}"] if lacks_memory else []
    return "; ".join(missing), f"deploy again with at most {' '.join(remedies)}, or on a larger machine"


def _asked(parts: Sequence[tuple[str, float]]) -> tuple[float, str]:
    """The sum, and who asks for how much of it where several do."""
    shown = ", ".join(f"{name} {amount:g}" for name, amount in parts)
    return sum(amount for _, amount in parts), f" ({shown})" if len(parts) > 1 else ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
