"""One process in which a script runs: started, asked, watched, and ended with all that it has started. Retries nothing.

It is reached by one of a pair of connected sockets, which it inherits: no name in any folder, so nobody else can ask.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import psutil

from pigeonhole.scripts.folder import Script
from pigeonhole.scripts.frames import FrameError, Head, pack, receive

# How often that is looked at which cannot be waited for: its memory, and its end where others hold its socket too.
LOOK_S = 1.0
GIB = 1 << 30
_GRACE_S = 1.0
_LAST_LOOK_S = 0.01


class LostError(Exception):
    """The process has ended, or has to be."""


class UnreadError(LostError):
    """It ended without having read all that it was sent: it has not begun with the last request."""


class LateError(Exception):
    """It did not answer in time."""


class WokenError(Exception):
    """Something else has happened; the wait can be gone on with."""


class Process:
    """A script's process, just started.

    Args:
        script: what it runs.
        environment: further environment variables.
        memory_bytes: more memory than that ends it; `None` sets no limit.
        waker: a file descriptor that can be read when something has happened that waiting is to be ended for.
    """

    def __init__(self, script: Script, environment: Mapping[str, str], memory_bytes: int | None, waker: int) -> None:
        self._connection, theirs = socket.socketpair()
        self._memory_bytes = memory_bytes
        self._waker = waker
        self._is_amid = False
        told = (str(theirs.fileno()), str(os.getpid()), str(script.entry))
        try:
            self._process = subprocess.Popen(
                # -P: the folder that a server happens to run in is no place to import from.
                [sys.executable, "-P", "-m", "pigeonhole.scripts.host", *told],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                # What it prints is log, wherever the server's own goes.
                stdout=2,
                stderr=2,
                pass_fds=[theirs.fileno()],
                # Its own group: a Ctrl-C is for the server, and whatever the script starts can be ended with it.
                process_group=0,
            )
        except OSError:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._connection.setblocking(False)
        self.pid = self._process.pid

    def started(self) -> dict[str, Any]:
        """Waits for the script's init(); what it tells of its interface.

        Raises:
            LostError: it cannot be used, or ended; the reason is in the message.
            WokenError: the waker was used.
        """
        head, _ = self._receive(None)
        if not head.get("ready"):
            raise LostError(str(head.get("why")))
        schema = head.get("schema")
        return schema if isinstance(schema, dict) else {}

    def send(self, head: Head, content: bytes) -> None:
        """Sends a request.

        Raises:
            UnreadError: it ended before it had all of it.
            LostError: it grew too large.
        """
        view = memoryview(pack(head, content))
        while view:
            try:
                view = view[self._connection.send(view) :]
            except BlockingIOError:
                _ready(LOOK_S, writing=self._connection.fileno())
                self._check()
            except OSError as error:
                raise UnreadError(self.ending()) from error

    def answer(self, timeout_s: float) -> tuple[Head, bytes]:
        """Waits for the answer to what was sent.

        Raises:
            LostError: it ended, used too much memory, or answered what is no message.
            UnreadError: it ended, and had not begun.
            LateError: the time is over.
            WokenError: the waker was used.
        """
        return self._receive(time.monotonic() + timeout_s)

    def is_quiet(self) -> bool:
        """Waits until the waker is used while nothing is asked; False where it has ended, or says something unasked."""
        while True:
            ready = _ready(LOOK_S if self._memory_bytes else None, self._connection.fileno(), self._waker)
            if self._connection.fileno() in ready:
                return False
            self._check()
            if ready:
                return True

    def end(self) -> None:
        """Lets it come to its end, or ends it; with everything that it has started."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._wait(_GRACE_S)
        self.kill()

    def kill(self) -> None:
        """Ends it at once, with everything that it has started."""
        # Before its end is collected, since no other group can have its number until then; and so only once.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        self._connection.close()

    def memory_bytes(self) -> int:
        """The memory that it holds, with what it has started."""
        try:
            process = psutil.Process(self.pid)
            return sum(int(one.memory_info().rss) for one in (process, *process.children(recursive=True)))
        except psutil.Error:
            return 0

    def _receive(self, end: float | None) -> tuple[Head, bytes]:
        self._is_amid = False
        try:
            message = receive(lambda size: self._read(size, end))
        except ConnectionResetError as error:
            raise UnreadError(self.ending()) from error
        except FrameError as error:
            raise LostError(self.ending() if self._has_ended() else str(error)) from error
        if message is None:
            raise LostError(self.ending())
        return message

    def _read(self, size: int, end: float | None) -> bytes:
        ours = self._connection.fileno()
        while True:
            left = LOOK_S if end is None else min(LOOK_S, end - time.monotonic())
            if left <= 0:
                raise LateError
            # A message that has begun is read to its end.
            ready = _ready(left, ours) if self._is_amid else _ready(left, ours, self._waker)
            if ours in ready:
                with contextlib.suppress(BlockingIOError):
                    part = self._connection.recv(size)
                    self._is_amid = True
                    return part
            elif ready:
                raise WokenError
            else:
                self._check()

    def _check(self) -> None:
        """What no socket tells: an end while others hold the socket too, and how large it has become.

        Raises:
            LostError: either.
        """
        if self._has_ended():
            raise LostError(self.ending())
        if self._memory_bytes is not None and (used := self.memory_bytes()) > self._memory_bytes:
            asked = f"{self._memory_bytes / GIB:g} GiB were asked for (--memory)"
            raise LostError(f"PodOutOfMemory: it used {used / GIB:.2f} GiB of memory where {asked}")

    def _has_ended(self) -> bool:
        """Whether it has; its end is not collected by that."""
        if self._process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wait(self, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        while not self._has_ended() and time.monotonic() < end:
            time.sleep(_LAST_LOOK_S)

    def ending(self) -> str:
        """How it ended, in words."""
        self._wait(_GRACE_S)
        if not self._has_ended():
            return "it closed its connection"
        self.kill()
        code = self._process.returncode
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"


def _ready(timeout_s: float | None, *reading: int, writing: int | None = None) -> list[int]:
    """Those of the descriptors that something can be done with; `poll`, since a busy server's have large numbers."""
    poll = select.poll()
    for descriptor in reading:
        poll.register(descriptor, select.POLLIN)
    if writing is not None:
        poll.register(writing, select.POLLOUT)
    return [descriptor for descriptor, _ in poll.poll(None if timeout_s is None else timeout_s * 1e3)]
