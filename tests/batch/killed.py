"""Runs one batch job again and again in processes that are killed, each at another moment; a program of its own.

    python -m tests.batch.killed events|times BUNDLE IMAGES FOLDER [KILLS]

`events` kills at the first, second, third … change of the file system or record of a mini-batch, each in a job of its
own, which is then gone on with. `times` kills one job at random moments until it is done. Prints how many were killed.
The processes are forked, since starting one takes longer than the job.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet  # noqa: F401 - so that the forked processes have it

from pigeonhole.batch import BatchOptions, run
from pigeonhole.bundle.session import runtime
from pigeonhole.core.progress import Silent

OPTIONS = BatchOptions(mini_batch_size=3, max_concurrency=2, max_retries=0)
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


class Countdown(Silent):
    """Kills this very process at the n-th event that concerns the job's files, or record of a mini-batch."""

    def __init__(self, n: int, out: Path) -> None:
        self._left, self._out = n, str(out)
        sys.addaudithook(self._hear)

    def advance(self, n: int = 1) -> None:
        self._count()

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Removing a folder names what is in it relative to an open folder.
        within = event in {"os.remove", "os.rmdir"}
        concerned = within or any(str(argument).startswith(self._out) for argument in arguments)
        if event in EVENTS and concerned:
            self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], object]) -> int:
    """The id of a new process that does the work and ends."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    return pid


def ended(pid: int) -> bool:
    """Waits for a process; whether it was killed.

    Raises:
        SystemExit: it failed.
    """
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        raise SystemExit(f"the job failed with {os.WEXITSTATUS(status)}")
    return False


def at_events(model: Path, images: str, folder: Path) -> int:
    """Kills at every event there is; returns how many."""
    for n in range(1, 500):
        out = folder / f"{n}.parquet"
        was_killed = ended(forked(lambda n=n, out=out: run(model, images, out, OPTIONS, progress=Countdown(n, out))))
        ended(forked(lambda out=out: run(model, images, out, OPTIONS)))
        if not was_killed:
            return n - 1
    raise SystemExit("the job does not end")


def at_times(model: Path, images: str, folder: Path, kills: int) -> int:
    """Kills at random moments until it was done so often; returns the number of jobs that took."""
    dice = random.Random()
    begun = time.perf_counter()
    ended(forked(lambda: run(model, images, folder / "0.parquet", OPTIONS)))
    lasts_s = time.perf_counter() - begun
    done = job = 0
    while done < kills:
        job += 1
        out = folder / f"{job}.parquet"
        while True:
            pid = forked(lambda out=out: run(model, images, out, OPTIONS))
            time.sleep(dice.uniform(0, lasts_s) if done < kills else 2 * lasts_s)
            if done < kills:
                os.kill(pid, signal.SIGKILL)
            if not ended(pid):
                break
            done += 1
    return job


if __name__ == "__main__":
    runtime()  # loads ONNX Runtime, so that the forked processes have it
    how, model, images, folder, *kills = sys.argv[1:]
    if how == "events":
        found = at_events(Path(model), images, Path(folder))
    else:
        found = at_times(Path(model), images, Path(folder), int(kills[0]))
    sys.stdout.write(f"{found}\n")
