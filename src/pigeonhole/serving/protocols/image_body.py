"""The body is one PNG or JPEG file: `curl --data-binary @digit.png`."""

from __future__ import annotations

from urllib.parse import parse_qsl

from pigeonhole.core.errors import DataError
from pigeonhole.serving.http import Headers
from pigeonhole.serving.protocols.decoded import Facts, Work
from pigeonhole.serving.protocols.files import MAGIC, decode_files

_INVERT = {("invert", "true"), ("invert", "false")}


def is_image(body: bytes, kind: bytes) -> bool:
    """Whether the content type or the first bytes say that it is an image file."""
    return kind.startswith(b"image/") or body.startswith(MAGIC)


def decode(body: bytes, _headers: Headers, query: bytes, facts: Facts) -> Work:
    """One image.

    Raises:
        DataError: the body is empty or no image, or the query says what is not known.
    """
    invert = asks_to_invert(query)
    if not body:
        raise DataError("an empty body", "a PNG or JPEG file, or JSON", "send the image as the body of the request")
    return lambda: decode_files([("the body", body)], facts, invert=invert)


def asks_to_invert(query: bytes) -> bool:
    """`?invert=true`: the way to say it beside an image file.

    Raises:
        DataError: another parameter or value.
    """
    if not query:
        return False
    parameters = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    wrong = [f"{key}={value}" for key, value in parameters if (key, value.lower()) not in _INVERT]
    if wrong:
        raise DataError(
            f"the query parameters {', '.join(wrong)}", "invert=true or invert=false", "correct the address"
        )
    return any(value.lower() == "true" for _, value in parameters)
