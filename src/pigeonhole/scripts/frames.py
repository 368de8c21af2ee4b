"""How a server and a script's process talk: each message is a JSON head and a body, with their lengths before them.

Nothing but JSON and bytes crosses, so neither side can make the other run anything.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from typing import Any

_LENGTHS = struct.Struct(">IQ")
MAX_HEAD_BYTES = 1 << 20
MAX_BODY_BYTES = 256 << 20
_PART = 1 << 20
Head = dict[str, Any]
Read = Callable[[int], bytes]


class FrameError(Exception):
    """What came is no message of this kind, or its end is missing."""


def pack(head: Head, body: bytes) -> bytes:
    """The bytes of a message."""
    text = json.dumps(head).encode()
    return b"".join((_LENGTHS.pack(len(text), len(body)), text, body))


def receive(read: Read) -> tuple[Head, bytes] | None:
    """The next message; `None` where the other side has ended between two.

    Args:
        read: gives up to so many bytes, at least one; none at the end.

    Raises:
        FrameError: the end came within a message, or it is too large, or its head is no JSON object.
    """
    first = read(_LENGTHS.size)
    if not first:
        return None
    lengths = first + _exactly(read, _LENGTHS.size - len(first))
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    if head_bytes > MAX_HEAD_BYTES or body_bytes > MAX_BODY_BYTES:
        raise FrameError(f"a message of {head_bytes + body_bytes:,} bytes")
    try:
        head = json.loads(_exactly(read, head_bytes))
    except ValueError as error:
        raise FrameError(f"a message whose head is no JSON: {error}") from error
    if not isinstance(head, dict):
        raise FrameError("a message whose head is no JSON object")
    return head, _exactly(read, body_bytes)


def receive_from(connection: socket.socket) -> tuple[Head, bytes] | None:
    """As `receive`, from a socket that waits.

    Raises:
        FrameError: as there.
    """
    return receive(connection.recv)


def _exactly(read: Read, size: int) -> bytes:
    parts = []
    while size:
        part = read(min(size, _PART))
        if not part:
            raise FrameError("a message without its end")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
