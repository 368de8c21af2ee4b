"""`python -m pigeonhole.compute.keeper FD PARENT SETTINGS`: a slot's keeper. It starts what runs there, hears it, holds
it to its limits, and ends it with all that it started: also when the owner is gone. It never waits for anybody.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from pigeonhole.compute import descent, program
from pigeonhole.compute.job import State
from pigeonhole.compute.lines import FAILURE, RESULT, WORKER, Lines, pack
from pigeonhole.compute.program import Program
from pigeonhole.compute.watching import Watched, ending_of

# Reports that an owner does not fetch are kept up to here; then the job waits.
UNSENT_LIMIT_BYTES = 64 << 20


class Keeper:
    """One slot.

    Args:
        owner: the connection to the compute's owner.
        cpus: the cores that its jobs may run on; `None` for any.
        grace_s: how long a job may take to end when it is asked to.
    """

    def __init__(self, owner: Lines, cpus: tuple[int, ...] | None, grace_s: float) -> None:
        self._owner = owner
        self._settle = descent.settling(cpus)
        self._grace_s = grace_s
        self._program: Program | None = None
        self._job: Watched | None = None
        self._is_closing = self._is_forsaken = self._is_spent = False
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    def run(self) -> None:
        """Serves the owner until it closes the slot, or is gone."""
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._forsake)
        try:
            while not (self._is_closing and self._job is None):
                self._look(self._wait())
        finally:
            self._kill()
        self._owner.flush()

    def _wait(self) -> set[int]:
        """The descriptors with something to read, once there is something to do."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._owner, select.POLLIN | (select.POLLOUT if self._owner.unsent_bytes else 0))
        channel = self._program.channel if self._program else None
        if channel is not None and not channel.has_ended:
            reading = select.POLLIN if self._owner.unsent_bytes < UNSENT_LIMIT_BYTES else 0
            poll.register(channel, reading | (select.POLLOUT if channel.unsent_bytes else 0))
        wait_s = self._job.wait_s() if self._job else None
        ready = poll.poll(None if wait_s is None else max(0.0, wait_s) * 1e3)
        return {descriptor for descriptor, events in ready if events & ~select.POLLOUT}

    def _look(self, ready: set[int]) -> None:
        if self._woken.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
        channel = self._program.channel if self._program else None
        if channel is not None:
            channel.flush()
            if channel.fileno() in ready:
                self._hear(channel.take())
        self._owner.flush()
        if self._owner.fileno() in ready:
            for line in self._owner.take():
                self._obey(line)
        if self._owner.has_ended or self._is_forsaken:
            self._leave()
        self._collect()
        if self._job is not None:
            self._hold(self._job)

    def _forsake(self, *_: object) -> None:
        self._is_forsaken = True

    def _leave(self) -> None:
        """Nobody is there who could want anything any more."""
        self._is_closing = True
        self._kill()
        self._job = None

    def _obey(self, line: bytes) -> None:
        (kind, order), *_ = json.loads(line).items()
        if kind == "run":
            self._start(line, order)
        elif kind == "answer":
            if self._program is not None and self._program.channel is not None:
                self._program.channel.put(line + b"\n")
        else:
            self._is_closing = self._is_closing or kind == "close"
            if self._job is not None and order in (self._job.number, None):
                self._end(self._job, "Canceled", "it was canceled")

    def _start(self, line: bytes, order: dict[str, Any]) -> None:
        self._collect()
        self._job = Watched.of(order)
        try:
            if order["function"] is None:
                self._kill()  # a worker that is idle
                self._program = program.command(order, self._settle)
            else:
                self._worker(line + b"\n")
        except (OSError, ValueError) as error:  # a NUL in the command is the latter
            self._finish(self._job, "Failed", f"it cannot be started: {error}")

    def _worker(self, line: bytes) -> None:
        if self._program is None:
            self._program = program.worker(self._settle)
            self._is_spent = False
        if self._program.channel is not None:
            self._program.channel.put(line)

    def _hear(self, lines: list[bytes]) -> None:
        """Passes on what a worker says."""
        for line in lines:
            if self._job is None:
                return
            if line.startswith(WORKER):
                told = json.loads(line)["worker"]
                self._job.saw(told["peak_memory_bytes"])
                self._is_spent = told["is_spent"]
            elif not line.startswith((RESULT, FAILURE)):
                self._owner.put(line + b"\n")
            elif self._job.ending is not None:
                self._finish(self._job, *self._job.ending)  # it was told to end, and this came too late
            else:
                self._owner.put(line + b"\n")
                self._finish(self._job, "Failed" if line.startswith(FAILURE) else "Completed", None)

    def _end(self, job: Watched, state: State, why: str) -> None:
        """Asks the job to end; whatever is left after the time of grace is killed."""
        if job.ending is None and self._program is not None:
            job.end(state, why, self._grace_s)
            descent.terminate(self._program.pid)

    def _collect(self) -> None:
        """Takes note of processes that have ended; with the last of a job's the job ends."""
        try:
            while (pid := descent.ended()) is not None:
                if self._program is not None and pid == self._program.pid:
                    self._collect_main(self._program)
                else:
                    os.waitpid(pid, 0)
        except ChildProcessError:
            if self._job is not None and self._job.ending is not None:
                self._finish(self._job, *self._job.ending)

    def _collect_main(self, main: Program) -> None:
        if main.channel is not None:
            self._hear(main.channel.rest())
        if self._program is not main:
            return  # it was told to end, and has been killed on its last words
        if self._job is None or self._job.ending is None:
            descent.kill_group(main.pid)  # while nobody else can have its number
        code = main.collect()
        if self._job is None:
            self._kill()
            return
        self._job.saw(main.peak_bytes)
        if self._job.ending is None:  # else those that it started have the time of grace too
            is_command = main.channel is None
            self._finish(self._job, *ending_of(code, is_command), code if is_command else None)

    def _hold(self, job: Watched) -> None:
        """Holds the job to its limits."""
        if job.ending is not None:
            if job.is_overdue() or job.excess():
                self._finish(job, *job.ending)
        elif late := job.lateness():
            self._end(job, "TimedOut", late)
        elif excess := job.excess():
            self._finish(job, "OutOfMemory", excess)

    def _finish(self, job: Watched, state: State, why: str | None, exit_code: int | None = None) -> None:
        """Tells how the job ended, once nothing of it is left; a worker that is well stays."""
        self._job = None
        is_worker = self._program is not None and self._program.is_worker and not self._is_spent
        if not is_worker or state not in ("Completed", "Failed"):
            self._kill()
        self._owner.put(pack({"ended": job.outcome(state, why, exit_code)}))

    def _kill(self) -> None:
        gone, self._program = self._program, None
        if gone is not None:
            descent.kill(None if gone.is_collected else gone.pid)
            gone.forget()


def main() -> None:
    """Keeps a slot."""
    connection, parent, settings = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), json.loads(sys.argv[3])
    connection.set_inheritable(False)
    descent.follow(parent, signal.SIGTERM)
    descent.adopt()
    cpus = settings["cpus"]
    Keeper(Lines(connection), None if cpus is None else tuple(cpus), settings["grace_s"]).run()


if __name__ == "__main__":
    main()
