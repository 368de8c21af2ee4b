"""JSON messages, one a line, over a connected socket: how owner, keeper and worker talk. Starts and decides nothing."""

from __future__ import annotations

import json
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any

_BLOCK = 1 << 18
# How those messages begin that a keeper has to know without reading them.
RESULT, FAILURE, WORKER = b'{"result"', b'{"failure"', b'{"worker"'


def pack(message: Mapping[str, Any]) -> bytes:
    """The message as a line, in ASCII; NaN and infinities stay what they are.

    Raises:
        TypeError: it is not JSON-ready.
        ValueError: it contains itself.
    """
    return json.dumps(message).encode() + b"\n"


class Lines:
    """One end of a connection. `send` and `receive` wait; `put`, `flush` and `take` never do.

    Args:
        connection: one of a pair of stream sockets; blocking.

    Attributes:
        has_ended: whether the other side has gone, as far as it was looked for.
        unsent_bytes: what `put` was given and the other side has not taken yet.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._begun: list[bytes] = []
        self._complete: deque[bytes] = deque()
        self._unsent: deque[memoryview] = deque()
        self.unsent_bytes = 0
        self.has_ended = False

    def fileno(self) -> int:
        """Of the socket, for those who wait for several."""
        return self._connection.fileno()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def send(self, line: bytes) -> None:
        """Sends a packed message and waits until the system has it.

        Raises:
            OSError: the other side has gone.
        """
        self._connection.sendall(line)

    def receive(self) -> bytes | None:
        """The next line, without its end; `None` once the other side has gone."""
        while not self._complete and not self.has_ended:
            self._read(0)
        return self._complete.popleft() if self._complete else None

    def put(self, line: bytes) -> None:
        """Sends what can be sent now and keeps the rest for `flush`."""
        self._unsent.append(memoryview(line))
        self.unsent_bytes += len(line)
        self.flush()

    def flush(self) -> None:
        """Sends more of what is kept. To a side that has gone nothing is sent, and nothing is kept."""
        try:
            while self._unsent:
                sent = self._connection.send(self._unsent[0], socket.MSG_DONTWAIT)
                self.unsent_bytes -= sent
                self._unsent[0] = self._unsent[0][sent:]
                if not self._unsent[0]:
                    self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()
            self.unsent_bytes = 0

    def take(self) -> list[bytes]:
        """The lines that a single look brings, without their ends."""
        self._read(socket.MSG_DONTWAIT)
        lines = list(self._complete)
        self._complete.clear()
        return lines

    def rest(self) -> list[bytes]:
        """All lines that have come, without their ends."""
        while not self.has_ended and self._read(socket.MSG_DONTWAIT):
            pass
        return self.take()

    def _read(self, flags: int) -> bool:
        """Whether there was anything; what there was of lines is in `_complete` then."""
        try:
            part = self._connection.recv(_BLOCK, flags)
        except BlockingIOError:
            return False
        except ConnectionError:
            part = b""
        if not part:
            self.has_ended = True
            return False
        head, newline, tail = part.rpartition(b"\n")
        if newline:
            self._complete.extend(b"".join((*self._begun, head)).split(b"\n"))
            self._begun.clear()
        if tail:
            self._begun.append(tail)
        return True
