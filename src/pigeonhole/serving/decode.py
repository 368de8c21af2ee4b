"""A request body → the raw pixels of N images, as fast as JSON allows. Knows nothing of HTTP or the model.

The usual request, rows of integers, costs 3.5 µs an image here: `bytes(row)` converts and checks the range in one
pass in C (`np.array(row)` takes 11). Whatever is not that goes to `exact`, which finds the position of every mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from pigeonhole.core.errors import DataError
from pigeonhole.images import Limits, Normal, Shape, prepare
from pigeonhole.serving import exact

SCALE_255, SCALE_1 = "0-255", "0-1"
SCALES = (SCALE_255, SCALE_1)
KEYS = ("data", "scale", "invert")
AMBIGUOUS = (
    "every value is the integer 0 or 1, which may mean either scale; they were read as 0-255:"
    ' send "scale": "0-1" or "scale": "0-255" to say which'
)
_INVERTED = bytes(range(255, -1, -1))
_ZERO_AND_ONE = b"\x00\x01"


@dataclass(frozen=True, slots=True)
class Decoded:
    """N images as the model wants them.

    Attributes:
        pixels: N·H·W·C uint8 values.
        n: the number of images.
        scale: the scale they were read in, `0-255` or `0-1`.
        warnings: what the sender should know.
    """

    pixels: bytes
    n: int
    scale: str = SCALE_255
    warnings: list[str] = field(default_factory=list)


def decode_json(body: bytes, shape: Shape, max_images: int) -> Decoded:
    """The images in `{"data": [[…], …]}`.

    A request with a value above 1 is read as 0–255, else one with a decimal point as 0–1, else (only the integers 0
    and 1) as 0–255 with a warning; `"scale"` overrides.

    Args:
        body: JSON, with `data`: a list of images, each a flat list of H·W·C numbers, or nested [H][W] or [H][W][C].
        shape: (H, W, C).
        max_images: how many a request may hold.

    Raises:
        UsageError: the body is not JSON.
        DataError: it is, and its images cannot be used; every position is named, up to ten.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        request = exact.parse(body)
    if type(request) is dict and len(request) == 1 and "data" in request:
        decoded = _integers(request["data"], body, shape, max_images)
        if decoded is not None:
            return decoded
    return _anything(request, shape, max_images)


def _integers(rows: Any, body: bytes, shape: Shape, max_images: int) -> Decoded | None:
    """The images if they are flat rows of integers 0 to 255, the first thing to try; else `None`."""
    # bytes() takes true for 1. Of all JSON, only true has a u and only false an f, once the keys are known;
    # looking for one letter takes 0.05 µs, for a word 1.5.
    if type(rows) is not list or not 0 < len(rows) <= max_images or b"u" in body or b"f" in body:
        return None
    size = shape[0] * shape[1] * shape[2]
    for row in rows:
        if type(row) is not list or len(row) != size:
            return None
    try:
        pixels = b"".join(map(bytes, rows))
    except (TypeError, ValueError):  # a fraction, a text, a list; or out of range
        return None
    # strip() stops at the first value above 1 from either side: the cheapest way to ask whether there is one.
    if pixels.strip(_ZERO_AND_ONE):
        return Decoded(pixels, len(rows))
    return Decoded(pixels, len(rows), SCALE_255, [AMBIGUOUS])


def inverted(decoded: Decoded) -> Decoded:
    """The same images with dark and light swapped."""
    return replace(decoded, pixels=decoded.pixels.translate(_INVERTED))


def _anything(request: Any, shape: Shape, max_images: int) -> Decoded:
    rows, scale, invert = exact.fields(request, KEYS, SCALES, max_images)
    pixels, scale_used, ambiguous = exact.pixels(rows, shape, scale)
    decoded = Decoded(pixels, len(rows), scale_used, [AMBIGUOUS] if ambiguous else [])
    return inverted(decoded) if invert else decoded


def decode_image(body: bytes, shape: Shape, normal: Normal | None, *, invert: bool, max_pixels: int) -> Decoded:
    """The image in a PNG or JPEG file, brought to the training shape by the same function as in ingestion.

    Raises:
        DataError: it cannot be decoded, or is over the limits.
    """
    if not body:
        raise DataError("an empty body", "a PNG or JPEG file, or JSON", "send the image as the body of the request")
    prepared = prepare(
        body, shape, invert=invert, reference=normal, limits=Limits(max_pixels=max_pixels), source="the body"
    )
    return Decoded(prepared.image_HWC.tobytes(), 1, SCALE_255, prepared.warnings)
