"""One program measured from outside: its wall time from start to end, and the memory of it and all below it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from measuring import Figures

EVERY_S = 0.5


def watched(command: Sequence[str], error: Path, most_s: float | None = None) -> Figures:
    """Seconds, peak memory, exit status, and the JSON that a program prints, or in the last line of what it prints.

    `error` is the file that gets its stderr. Memory is what its processes have resident, added up: pages that several
    share count for each, so it is an upper bound. After `most_s` it is killed with all below it and `given_up`.
    """
    given_up = False
    start, before_s = time.perf_counter(), _processor_s()
    with error.open("w") as told:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True, start_new_session=True)
        watch = threading.Thread(target=_watch, args=(process.pid, peak := [0]), daemon=True)
        watch.start()
        try:
            stdout, _ = process.communicate(timeout=most_s)
        except subprocess.TimeoutExpired:
            given_up = True
            os.killpg(process.pid, signal.SIGKILL)
            stdout, _ = process.communicate()
        except BaseException:
            # It has a session of its own, so that a Ctrl-C here does not reach it.
            os.killpg(process.pid, signal.SIGINT)
            raise
    seconds = time.perf_counter() - start
    watch.join()
    said = _json(stdout)
    figures: Figures = {"wall_s": seconds, "processor_s": _processor_s() - before_s, "peak_memory_bytes": peak[0]}
    return {**figures, "exit": process.returncode, "given_up": given_up, "said": said}


def must(figures: Figures, log: Path) -> Figures:
    """The figures of a program that succeeded.

    Raises:
        SystemExit: it failed; with the end of what it said.
    """
    if figures["exit"] or not figures["said"]:
        said = "\n".join(log.read_text().splitlines()[-20:])
        raise SystemExit(f"{said}\nended with {figures['exit']} after {figures['wall_s']:.1f} s; all of it: {log}")
    return figures


def allowed_s(budget_s: float) -> float:
    """How long after its budget a search may end: 15 seconds, or 5% of the budget where that is more."""
    return max(15.0, 0.05 * budget_s)


def ours(*arguments: str) -> list[str]:
    """Our command line as a shell starts it, with JSON as its answer."""
    return [sys.executable, "-m", "pigeonhole.cli.main", *arguments, "--json"]


def _processor_s() -> float:
    """Processor time of all processes below this one that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _json(stdout: str) -> object:
    """What was printed as JSON: all of it or, after a library's own lines, the last; None if neither is."""
    for text in (stdout, *stdout.splitlines()[-1:]):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return None


def _watch(pid: int, peak: list[int]) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        top = psutil.Process(pid)
        while top.is_running() and top.status() != psutil.STATUS_ZOMBIE:
            peak[0] = max(peak[0], _resident_bytes([top, *top.children(recursive=True)]))
            time.sleep(EVERY_S)


def _resident_bytes(processes: Sequence[object]) -> int:
    import psutil

    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total
