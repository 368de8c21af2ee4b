"""What this machine has, and whether a deployment asks for more."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

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


def shortage(cpu: float, memory: float) -> tuple[str, str] | None:
    """Why a deployment cannot run here and what to do, or `None` if it can.

    Args:
        cpu: cores asked for.
        memory: GiB asked for.
    """
    missing, remedies = [], []
    if cpu > cores():
        missing.append(f"{cpu:g} cores are asked for and this machine has {cores():g}")
        remedies.append(f"--cpu {cores():g}")
    if memory > memory_gib():
        missing.append(f"{memory:g} GiB of memory are asked for and this machine has {memory_gib():.1f}")
        remedies.append(f"--memory {memory_gib() / 2:.1f}")
    if not missing:
        return None
    return "; ".join(missing), f"deploy again with at most {' '.join(remedies)}, or on a larger machine"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
