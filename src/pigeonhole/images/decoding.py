"""PNG and JPEG bytes to uint8 HWC pixels, upright, on white, within limits. Never changes an image's size.

Axes: H height, W width, C channels (1 grey, 3 red-green-blue).
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG")
_ACCEPTED = "a whole PNG or JPEG image"
_EXIF_ORIENTATION = 0x0112
_SIDEWAYS = {5, 6, 7, 8}
# All that Pillow raises for broken content; a bug of ours raises none of these inside the guarded calls.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)


@dataclass(frozen=True)
class Limits:
    """What is refused before decoding: more bytes than `max_bytes`, or more than `max_pixels` pixels."""

    max_bytes: int = 20 * 2**20
    max_pixels: int = 50_000_000


def decode(
    content: bytes, *, channels: int | None = None, limits: Limits | None = None, source: str = "image"
) -> NDArray[np.uint8]:
    """The pixels of a PNG or JPEG image, [H, W, C], 0–255.

    Turned upright by its EXIF orientation; transparency is laid on white; 16 bits become 8; a grey palette is grey;
    CMYK becomes red-green-blue. The size stays as it is.

    Args:
        content: the file's bytes.
        channels: 1 or 3 makes the image grey (ITU-R 601 luma) or colour; `None` keeps what it is.
        limits: checked before anything is decoded; `None` means the defaults of `Limits`.
        source: what the image is called in a message.

    Raises:
        DataError: not a PNG or JPEG, broken, or over the limits.
    """
    limits = limits or Limits()
    with _opened(content, limits, source) as image:
        upright = _upright(image)
        wanted = channels or _channels(upright)
        pixels_HWC = _grey(upright) if wanted == 1 else np.asarray(_on_white(upright).convert("RGB"))
    return np.ascontiguousarray(pixels_HWC.reshape(*pixels_HWC.shape[:2], wanted), dtype=np.uint8)


def header(content: bytes, *, limits: Limits | None = None, source: str = "image") -> tuple[int, int, int]:
    """The shape (H, W, C) that `decode` would give, read from the file's header alone.

    Args:
        content: the file's bytes.
        limits: as for `decode`.
        source: what the image is called in a message.

    Raises:
        DataError: not a PNG or JPEG, or over the limits.
    """
    with _opened(content, limits or Limits(), source) as image:
        width, height = image.size
        if image.getexif().get(_EXIF_ORIENTATION) in _SIDEWAYS:
            width, height = height, width
        return height, width, _channels(image)


@contextlib.contextmanager
def _opened(content: bytes, limits: Limits, source: str) -> Iterator[Image.Image]:
    if len(content) > limits.max_bytes:
        raise DataError(
            f"{source} has {len(content):,} bytes", f"at most {limits.max_bytes:,} bytes an image", "make it smaller"
        )
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Ours are the limits that count; Pillow's own warning about large images comes after them.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_pixels(image.size, limits, source)
                yield image
    except (Image.DecompressionBombError, *_BROKEN) as error:
        raise DataError(
            f"{source} cannot be decoded: {_reason(content, error)}", _ACCEPTED, "replace the file, or leave it out"
        ) from error


def _check_pixels(size: tuple[int, int], limits: Limits, source: str) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise DataError(
            f"{source} has {width:,} × {height:,} pixels",
            f"at most {limits.max_pixels:,} pixels an image",
            "make it smaller",
        )


def _reason(content: bytes, error: BaseException) -> str:
    if not content:
        return "it is empty"
    if type(error).__name__ == "UnidentifiedImageError":
        return f"it is neither PNG nor JPEG (its first bytes are {content[:8].hex(' ')})"
    return str(error) or type(error).__name__


def _upright(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    # Colour profiles and gamma are left alone: training and serving must only agree with each other.
    return ImageOps.exif_transpose(image)


def _channels(image: Image.Image) -> int:
    if image.mode in {"1", "L", "LA", "La", "I", "F"} or image.mode.startswith("I;16"):
        return 1
    return 1 if image.mode in {"P", "PA"} and _grey_palette(image) else 3


def _grey_palette(image: Image.Image) -> bool:
    palette = image.palette
    if palette is None:
        return True
    mode, content = palette.mode, bytes(palette.palette)
    entries = np.frombuffer(content[: len(content) // len(mode) * len(mode)], np.uint8).reshape(-1, len(mode))
    return bool((entries[:, :3] == entries[:, :1]).all())


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode == "I" or image.mode.startswith("I;16"):
        deep_HW = np.asarray(image).astype(np.int64)
        # 65535 / 255 = 257 exactly, so white stays white.
        return ((np.clip(deep_HW, 0, 65535) + 128) // 257).astype(np.uint8)
    return np.asarray(_on_white(image).convert("L"))


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    from PIL import Image as Pillow

    clear: Any = image.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", clear.size, "white"), clear)
