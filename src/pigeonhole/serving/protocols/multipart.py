"""Uploads from a form (`multipart/form-data`, RFC 7578): one or several image files, and perhaps `invert`.

The body has been read whole and within its limit, so parts are cut out of it; nothing is written to a disk.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.serving.http import Headers
from pigeonhole.serving.protocols.decoded import Facts, Work
from pigeonhole.serving.protocols.files import MAGIC, decode_files
from pigeonhole.serving.protocols.image_body import asks_to_invert

KIND = b"multipart/form-data"
MAX_HEAD_BYTES = 4096
_BOUNDARY = re.compile(rb';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70})(?=[\s;]|$))', re.IGNORECASE)
_NAME = re.compile(rb';\s*name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
# The form with a star (RFC 5987) is what Python's clients write for a name that is not ASCII.
_FILENAME = re.compile(rb""";\s*filename(?:="([^"]*)"|=([^\s;"]+)|\*=[\w-]*'[^']*'([^\s;]+))""", re.IGNORECASE)
_EXAMPLE = "curl -F image=@digit.png"


class Part(NamedTuple):
    """One field of the form; `filename` is `None` where it is no file."""

    name: str
    filename: str | None
    content: bytes


def decode(body: bytes, headers: Headers, query: bytes, facts: Facts) -> Work:
    """The images of the form's files, in their order; a field `invert` says what `?invert=` says.

    Raises:
        UsageError: the body is no form.
        DataError: it holds no file, too many, or fields that are not known.
    """
    parts = split(body, headers.get(b"content-type", b""), facts.max_images + 1)
    files: list[Part] = []
    fields: list[Part] = []
    for part in parts:
        (files if part.filename is not None or part.content.startswith(MAGIC) else fields).append(part)
    unknown = [repr(part.name) for part in fields if part.name != "invert"]
    if unknown or not files:
        received = f"a form with the fields {', '.join(unknown[:10])}" if unknown else "a form without a file"
        raise DataError(received, "files, and if need be the field invert", f"send it as by {_EXAMPLE}")
    said = [b"invert=" + part.content for part in fields]
    invert = asks_to_invert(b"&".join([query, *said] if query else said))
    return lambda: decode_files([(part.filename or part.name, part.content) for part in files], facts, invert=invert)


def split(body: bytes, content_type: bytes, max_parts: int) -> list[Part]:
    """The parts of a form.

    Raises:
        UsageError: there is no boundary, or the parts are not cut by it as they must be.
        DataError: there are more than `max_parts`.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _no_form("a content type without a boundary")
    delimiter = b"\r\n--" + (found[1] or found[2])
    # The first delimiter has no line before it; what stands before it and after the last one is not for us.
    pieces = (b"\r\n" + body).split(delimiter, max_parts + 2)
    if len(pieces) > max_parts + 2:
        raise DataError(f"a form with more than {max_parts:,} parts", f"at most {max_parts:,}", "send fewer at a time")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _no_form("a body that its boundary does not end")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    padding, _, rest = piece.partition(b"\r\n")
    head, separator, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if padding.strip(b" \t") or not separator or len(head) > MAX_HEAD_BYTES:
        raise _no_form("a part without the headers of one")
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition:")]
    name = _NAME.search(lines[0]) if lines else None
    if name is None:
        raise _no_form("a part without a name")
    filename = _FILENAME.search(lines[0])
    return Part(_text(name), _text(filename) if filename else None, content)


def _text(found: re.Match[bytes]) -> str:
    value: bytes = next(group for group in found.groups() if group is not None)
    return unquote(value.decode("utf-8", "replace"))[:100]


def _no_form(received: str) -> UsageError:
    return UsageError(received, "multipart/form-data as browsers and curl write it", f"send it as by {_EXAMPLE}")
