"""A large JSON body of rows → pixels, a few rows at a time: never all of its numbers as Python's objects.

A request of 512 images holds 400,000 numbers. As one list, with what the parser keeps beside it, they take 15 MB (as
decimals 25), which the process would hardly give back. Whatever is not plainly rows of numbers is left to the careful
reading, which names every mistake.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import orjson

from pigeonhole.serving.protocols import rows
from pigeonhole.serving.protocols.decoded import SCALE_1, SCALE_255, Decoded, Facts

# What is parsed at once: small enough for the processor's cache.
PIECE_BYTES = 64 << 10
_SPACE = rb"[ \t\n\r]*"
_HEAD = re.compile(_SPACE + rb"\{" + _SPACE + rb'"(data|inputs|instances)"' + _SPACE + rb":" + _SPACE + rb"\[")
_TAIL = re.compile(rb"\]" + _SPACE + rb"\}" + _SPACE + rb"\Z")
_TAIL_BYTES = 64
_COMMA = re.compile(_SPACE + rb",")
# 0 and 1 as decimals mean black and white.
_WHOLE = bytes([0, 255, *[0] * 254])


def quick(body: bytes, keys: Sequence[bytes], facts: Facts) -> Decoded | None:
    """The images of a body whose only key holds their rows, as `rows.quick` reads them; `None` where that would not.

    A body that is cut between two rows is JSON where each of the pieces is: numbers and brackets hold nothing else.

    Args:
        body: what shall be JSON.
        keys: one of which the key has to be.
        facts: the shape and limits.
    """
    head = _HEAD.match(body)
    tail = _TAIL.search(body, max(0, len(body) - _TAIL_BYTES))
    if head is None or tail is None or head[1] not in keys:
        return None
    # Of all JSON, only true has a u behind the key, and only false an f; both would pass for numbers.
    if body.find(b"u", head.end()) >= 0 or body.find(b"f", head.end()) >= 0:
        return None
    parts: list[Decoded] = []
    n = 0
    for piece in _pieces(body, head.end(), tail.start()):
        part = _read(piece, facts)
        if part is None:
            return None
        parts.append(part)
        n += part.n
        if n > facts.max_images:
            return None
    return _joined(parts)


def _pieces(body: bytes, start: int, stop: int) -> Iterator[bytes]:
    """The rows between two places as JSON lists of some rows each."""
    whole = memoryview(body)
    while start <= stop:
        end = body.find(b"]", start + PIECE_BYTES, stop)
        comma = _COMMA.match(body, end + 1, stop) if end >= 0 else None
        # Without a comma behind it, it was the last row, or the end of something else: the rest says which.
        end = end + 1 if comma else stop
        yield b"".join((b"[", whole[start:end], b"]"))
        start = comma.end() if comma else stop + 1


def _read(piece: bytes, facts: Facts) -> Decoded | None:
    try:
        return rows.quick(orjson.loads(piece), facts)
    except orjson.JSONDecodeError:
        return None


def _joined(parts: list[Decoded]) -> Decoded | None:
    """The images of all pieces; whether whole numbers are meant as 0–1 is only known from the others."""
    pixels = [part.pixels for part in parts]
    scale = SCALE_255
    if any(part.scale == SCALE_1 for part in parts):
        if any(part.scale == SCALE_255 and not part.warnings for part in parts):
            return None  # a decimal beside a value above 1
        scale = SCALE_1
        pixels = [part.pixels if part.scale == SCALE_1 else part.pixels.translate(_WHOLE) for part in parts]
    warnings = parts[0].warnings if all(part.warnings for part in parts) else []
    return Decoded(b"".join(pixels), sum(part.n for part in parts), scale, warnings)
