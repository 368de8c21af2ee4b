"""What a server must bear for soak.py: each fault does its harm once, and says what it was told."""

from __future__ import annotations

import io
import json
import random
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

TIMEOUT_S = 60.0


class Place(NamedTuple):
    """Whom to harm.

    Attributes:
        port: of this machine.
        key: that requests carry.
        size: numbers an image.
        max_body_bytes: a larger body is refused.
    """

    port: int
    key: str
    size: int
    max_body_bytes: int


Fault = Callable[..., str]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)


def request(body: bytes, key: str, path: str = "/score", more: str = "", kind: str = "application/json") -> bytes:
    """The bytes of a POST."""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: {kind}\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def told(place: Place, data: bytes) -> str:
    """The status that the server answers with, or `closed`."""
    try:
        with connect(place.port) as connection:
            connection.sendall(data)
            return connection.makefile("rb").readline()[9:12].decode() or "closed"
    except (ConnectionError, BrokenPipeError):
        return "closed"


def random_bytes(place: Place, luck: random.Random) -> str:
    return told(place, luck.randbytes(luck.randint(8, 4096)) + b"\r\n\r\n")


def rows(place: Place, value: str) -> str:
    text = '{"data": [[' + ", ".join(["0"] * (place.size - 1) + [value]) + "]]}"
    return told(place, request(text.encode(), place.key))


def wrong_type(place: Place, luck: random.Random) -> str:
    return rows(place, luck.choice(['"a"', "true", "null", "[1]", "{}"]))


def not_a_number(place: Place, luck: random.Random) -> str:
    return rows(place, luck.choice(["NaN", "Infinity", "-Infinity"]))


def huge_number(place: Place, luck: random.Random) -> str:
    return rows(place, luck.choice(["9" * 5000, "1e999", "-1", "256"]))


def deep_nesting(place: Place, luck: random.Random) -> str:
    depth = luck.randint(1_000, 100_000)
    return told(place, request(b'{"data": ' + b"[" * depth + b"]" * depth + b"}", place.key))


def truncated_image(place: Place, luck: random.Random) -> str:
    file = io.BytesIO()
    Image.fromarray(np.frombuffer(luck.randbytes(4096), np.uint8).reshape(64, 64)).save(file, "PNG")
    whole = file.getvalue()
    return told(place, request(whole[: luck.randint(40, len(whole) - 40)], place.key, kind="image/png"))


def wrong_key(place: Place, luck: random.Random) -> str:
    return told(place, request(b"{}", f"{luck.random()}"))


def oversize(place: Place, luck: random.Random) -> str:
    head = f"POST /score HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {place.key}\r\ncontent-length: "
    return told(place, f"{head}{place.max_body_bytes + luck.randint(1, 1 << 40)}\r\n\r\n".encode())


def half_open(place: Place, luck: random.Random) -> str:
    """Sends a part of a request and vanishes, now and then by a reset."""
    with connect(place.port) as connection:
        whole = request(json.dumps({"data": [[0] * place.size]}).encode(), place.key)
        connection.sendall(whole[: luck.randint(1, len(whole) - 1)])
        if luck.random() < 0.5:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return "closed"


def slow_client(place: Place, luck: random.Random) -> str:
    """Sends a part of a request, and waits until the server has had enough."""
    whole = request(json.dumps({"data": [[0] * place.size]}).encode(), place.key)
    return told(place, whole[: luck.randint(1, len(whole) - 1)])


def many_connections(place: Place, _luck: random.Random, n: int = 1000) -> str:
    """So many at once, each of which is answered."""
    held: list[socket.socket] = []
    try:
        held.extend(connect(place.port) for _ in range(n))
        for connection in held:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        found = {connection.recv(64)[9:12] for connection in held}
    finally:
        for connection in held:
            connection.close()
    return "/".join(sorted(status.decode() or "closed" for status in found))


# What each may be told. A reset connection is an answer to those who go on sending what nobody wants.
FAULTS: dict[Fault, frozenset[str]] = {
    random_bytes: frozenset({"400", "431", "closed"}),
    wrong_type: frozenset({"422"}),
    not_a_number: frozenset({"422"}),
    huge_number: frozenset({"422", "400"}),
    deep_nesting: frozenset({"422", "400"}),
    truncated_image: frozenset({"422"}),
    wrong_key: frozenset({"401"}),
    oversize: frozenset({"413"}),
    half_open: frozenset({"closed"}),
    slow_client: frozenset({"408"}),
    many_connections: frozenset({"200"}),
}
