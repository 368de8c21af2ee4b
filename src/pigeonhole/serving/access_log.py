"""The access log: one JSON object a line for each answer, written behind the answers by a thread. Counts nothing.

A request makes its line itself, in 1.2 µs. Where the thread made them, it and the requests fought for the interpreter:
8 to 17 µs of a core a request, and up to twice the p99. Neither keys nor queries are in it: of an address the path
alone is told.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pigeonhole.core.errors import UsageError

logger = logging.getLogger("pigeonhole.serving")
STDOUT = "-"
WRITE_S = 0.1
# So long the end of the server waits for whoever reads stdout.
STDOUT_MS = 1000
# What may wait for the disk; a full one drops lines and counts them.
CAPACITY = 50_000
# Together with the older ones a log takes up to half a GiB.
LIMIT_BYTES = 100 << 20
OLDER = 4
TEXT_LIMIT = 200
# What is longer is shown cut off, so one character more is needed.
TEXT_ROOM = TEXT_LIMIT + 1


class Access(NamedTuple):
    """One answer.

    Attributes:
        at_s: when it was given, in seconds since 1970.
        request_id: as in the answer.
        method: as it came.
        path: without the query.
        status: of the answer.
        bytes_in: of the request's body.
        bytes_out: of the whole answer; 0 where the client had gone.
        duration_s: from the request's first byte to its answer.
        queue_s: how long its images waited for the model; `None` where there were none.
        deployment: who answered; empty where none did.
        client: the other side's address and port, as the socket has them; `None` where it had gone at once.
        user_agent: what the client calls itself.
    """

    at_s: float
    request_id: str
    method: str
    path: str
    status: int
    bytes_in: int
    bytes_out: int
    duration_s: float
    queue_s: float | None
    deployment: str
    client: tuple[Any, ...] | None
    user_agent: bytes

    def line(self) -> bytes:
        """As it stands in the log."""
        second, thousandth = divmod(int(self.at_s * 1e3), 1000)
        return (
            b'{"time":"%b.%03dZ","request_id":"%b",%b,"status":%d,"bytes_in":%d,"bytes_out":%d,%b"queue_ms":%b}\n'
            % (
                _moment(second),
                thousandth,
                self.request_id.encode(),
                _who(self.method, self.path, self.deployment, self.client[0] if self.client else None, self.user_agent),
                self.status,
                self.bytes_in,
                self.bytes_out,
                b'"duration_ms":%.3f,' % (self.duration_s * 1e3),
                b"null" if self.queue_s is None else b"%.3f" % (self.queue_s * 1e3),
            )
        )


@functools.lru_cache(maxsize=8)
def _moment(second: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()


@functools.lru_cache(maxsize=1024)
def _who(method: str, path: str, deployment: str, client: str | None, user_agent: bytes) -> bytes:
    """What is the same for many requests of a client; made anew for each it would double the cost of a line."""
    told = {
        "method": method,
        "path": _shown(path),
        "deployment": deployment or None,
        "client": client,
        "user_agent": _shown(user_agent.decode("latin-1")) or None,
    }
    return orjson.dumps(told)[1:-1]


class AccessLog:
    """Takes accesses, and writes them.

    Args:
        target: a file, which several processes may share, or `-` for stdout.

    Attributes:
        dropped: answers that are not in the log: too many waited, or they could not be written.

    Raises:
        UsageError: the file cannot be written to.
    """

    def __init__(self, target: str) -> None:
        self.dropped = 0
        self._waiting: deque[bytes] = deque()
        self._is_failing = False
        self._closing = threading.Event()
        self._file = _Stdout(self._closing) if target == STDOUT else _File(Path(target))
        self._thread = threading.Thread(target=self._write_on, name="access-log", daemon=True)
        self._thread.start()

    def add(self, access: Access) -> None:
        """Takes one to be written soon; never waits."""
        if len(self._waiting) >= CAPACITY:
            self.dropped += 1
        else:
            self._waiting.append(access.line())

    def close(self) -> None:
        """Writes what waits, and ends the thread."""
        self._closing.set()
        self._thread.join()
        self._file.close()

    def _write_on(self) -> None:
        while not self._closing.wait(WRITE_S):
            self._write()
        self._write()

    def _write(self) -> None:
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not lines:
            return
        try:
            self._file.write(b"".join(lines))
            self._is_failing = False
        except OSError as error:
            self.dropped += len(lines)
            if not self._is_failing:
                logger.error("the access log cannot be written, and lines are lost: %s", error)
            self._is_failing = True


class _Stdout:
    """Written in whole lines so short that a pipe takes each piece at once: other processes may write into it too.

    Args:
        closing: set when the server ends, which a reader who has stopped reading must not prevent.
    """

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing
        sys.stdout.flush()
        self._descriptor = sys.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    def write(self, lines: bytes) -> None:
        while lines:
            self._wait()
            end = lines.rfind(b"\n", 0, select.PIPE_BUF) + 1 or select.PIPE_BUF
            lines = lines[os.write(self._descriptor, lines[:end]) :]

    def _wait(self) -> None:
        while not self._poll.poll(STDOUT_MS):
            if self._closing.is_set():
                raise BlockingIOError(errno.EAGAIN, "nobody reads stdout")

    def close(self) -> None:
        """It is not ours to close."""


class _File:
    """A file that several processes append whole lines to, and that whoever finds it too long puts aside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_torn = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = self._opened()
        except OSError as error:
            raise UsageError(
                f"the access log {path}: {error.strerror}",
                "a file that can be written to, or - for stdout",
                "correct --access-log, or the owner of the folder",
            ) from error

    def write(self, lines: bytes) -> None:
        self._follow()
        if os.fstat(self._descriptor).st_size > LIMIT_BYTES:
            self._put_aside()
        if self._is_torn:
            lines = b"\n" + lines
        while lines:  # one call, unless the disk is full
            lines = lines[os.write(self._descriptor, lines) :]
            self._is_torn = bool(lines)

    def close(self) -> None:
        os.close(self._descriptor)

    def _opened(self) -> int:
        # For the owner's eyes: who asked, and from where, is nobody else's business.
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return False

    def _follow(self) -> None:
        """Another process, or an operator's own tool, may have put the file aside."""
        if not self._is_in_place():
            new = self._opened()
            os.close(self._descriptor)
            self._descriptor = new

    def _put_aside(self) -> None:
        with _held(self._descriptor):
            # Whoever held it before may have done it.
            if self._is_in_place():
                for number in range(OLDER, 0, -1):
                    with contextlib.suppress(FileNotFoundError):
                        self._aside(number - 1).replace(self._aside(number))
        self._follow()

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


@contextlib.contextmanager
def _held(descriptor: int) -> Iterator[None]:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _shown(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[: TEXT_LIMIT - 1]}…"
