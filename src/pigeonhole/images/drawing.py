"""Images for people: characters in a terminal, PNG files. No charts; those are made in reports."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from pigeonhole.images.sizing import fit, to_channels

SHADES = " ░▒▓█"
_RESET = "\x1b[0m"


def terminal(image_HWC: NDArray[np.uint8], width: int = 56, *, colour: bool = False) -> str:
    """The image as lines of text, at most `width` characters wide, made smaller if need be.

    Args:
        image_HWC: 1 or 3 channels.
        width: in characters.
        colour: True draws two pixels a character with 24-bit terminal colours; False draws a pixel as two plain
            characters of five shades (light is full), which any terminal and log file shows.
    """
    columns = width if colour else width // 2
    image_HWC = _narrowed(image_HWC, max(1, columns))
    return _coloured(to_channels(image_HWC, 3)) if colour else _shaded(to_channels(image_HWC, 1)[:, :, 0])


def png(image_HWC: NDArray[np.uint8]) -> bytes:
    """The image as a PNG file: grey for one channel, colour for three."""
    from PIL import Image

    buffer = io.BytesIO()
    grey = image_HWC.shape[2] == 1
    Image.fromarray(image_HWC[:, :, 0] if grey else image_HWC).save(buffer, "PNG")
    return buffer.getvalue()


def _narrowed(image_HWC: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    height, width, channels = image_HWC.shape
    if width <= columns:
        return image_HWC
    return fit(image_HWC, (max(1, round(height * columns / width)), columns, channels))


def _shaded(grey_HW: NDArray[np.uint8]) -> str:
    levels_HW = grey_HW.astype(np.uint16) * len(SHADES) // 256
    return "\n".join("".join(SHADES[level] * 2 for level in row).rstrip() for row in levels_HW.tolist())


def _coloured(image_HWC: NDArray[np.uint8]) -> str:
    if image_HWC.shape[0] % 2:
        image_HWC = np.concatenate([image_HWC, np.zeros_like(image_HWC[:1])])
    lines = []
    for upper, lower in zip(image_HWC[0::2].tolist(), image_HWC[1::2].tolist(), strict=True):
        cells = [f"\x1b[38;2;{r};{g};{b};48;2;{x};{y};{z}m▀" for (r, g, b), (x, y, z) in zip(upper, lower, strict=True)]
        lines.append("".join(cells) + _RESET)
    return "\n".join(lines)
