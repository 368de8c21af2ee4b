"""Heads that differ from the last one of their connection in the length of the body alone: nothing new to be read.

A client that asks again sends the same head, with another length. Reading it costs some ten calls from the parser into
Python, which for a small image is a tenth of the request. What is recognised here was read by the parser before, so
that it stays the one who says what a head means. Knows no socket.
"""

from __future__ import annotations

from typing import NamedTuple

from pigeonhole.serving.http import Headers

END = b"\r\n\r\n"
# Of a head; every connection may keep one.
LIMIT_BYTES = 1 << 10
_LENGTH = b"content-length"
_DIGITS = 5


class Head(NamedTuple):
    """What a head says, of a request that leaves its connection open and asks for nothing unusual.

    Attributes:
        method: in capitals.
        path: without escapes.
        query: the query string, as it came.
        headers: by lower-case name.
    """

    method: str
    path: str
    query: bytes
    headers: Headers


class Template(NamedTuple):
    """A head in which the length of the body is left open.

    Attributes:
        before: its bytes up to the digits of the length.
        after: and from there on, the empty line included.
        head: what it says.
    """

    before: bytes
    after: bytes
    head: Head

    def matched(self, data: bytes) -> tuple[Headers, bytes] | None:
        """The headers and the body of a request that has this head, if `data` is such a request, whole and alone."""
        before, after, head = self
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + _DIGITS + 1)
        digits = data[start:end]
        if not digits.isdigit() or not data.startswith(after, end):
            return None
        body = data[end + len(after) :]
        return ({**head.headers, _LENGTH: digits}, body) if len(body) == int(digits) else None


def template(raw: bytes, head: Head) -> Template | None:
    """What the next head may be like; `None` where the place of the length is not beyond doubt.

    Args:
        raw: the bytes of a head, `END` left out …
        head: … and what the parser read in them.
    """
    digits = head.headers.get(_LENGTH, b"")
    if len(raw) > LIMIT_BYTES or not digits.isdigit() or len(digits) > _DIGITS:
        return None
    name = b"\r\n%b: " % _LENGTH
    # A line by itself: no value of another header can hold a line's end.
    lines, line = raw.lower() + b"\r\n", name + digits + b"\r\n"
    if lines.count(name) != 1 or line not in lines:
        return None
    start = lines.index(name) + len(name)
    return Template(raw[:start], raw[start + len(digits) :] + END, head)
