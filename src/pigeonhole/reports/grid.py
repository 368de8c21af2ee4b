"""A picture of images with what was predicted for them, mistakes marked. Draws with Pillow; chooses nothing.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import UsageError
from pigeonhole.core.files import write_bytes

_SCALE = 2  # drawn at twice the size, like the charts, for sharp text on fine screens
_WIDTH = 8
_BOX, _GAP, _LINE, _MARGIN, _HEAD = 84, 14, 17, 16, 56
_INK, _GREY, _WRONG = (34, 34, 34), (107, 107, 107), (213, 94, 0)


def predictions_grid(
    images_NHWC: npt.NDArray[np.uint8],
    labels_N: Sequence[int] | npt.NDArray[Any],
    predicted_N: Sequence[int] | npt.NDArray[Any],
    confidence_N: Sequence[float] | npt.NDArray[Any],
    class_names: Sequence[str],
    path: Path,
    *,
    mistakes: int | None = None,
    total: int | None = None,
) -> Path:
    """Draws the images in the order given, eight in a row.

    Args:
        images_NHWC: uint8, grey or colour, any size; small ones are enlarged without blurring.
        labels_N: true classes.
        predicted_N: predicted classes.
        confidence_N: the probability of the predicted class.
        class_names: class k's name.
        path: the PNG file.
        mistakes: mistakes among all images that were scored, for the title; `None` counts those shown.
        total: all images that were scored, for the title; `None` means those shown.

    Raises:
        UsageError: no images, or lengths that differ.
    """
    from PIL import Image, ImageDraw

    n = len(images_NHWC)
    if not n or not n == len(labels_N) == len(predicted_N) == len(confidence_N):
        raise UsageError(
            f"{n} images, {len(labels_N)} labels, {len(predicted_N)} predictions, {len(confidence_N)} confidences",
            "one or more images with a label, a prediction and a confidence each",
            "pass the same rows of each",
        )
    wrong_N = np.asarray(labels_N) != np.asarray(predicted_N)
    columns = min(_WIDTH, n)
    # Only a row with a mistake needs the second line of its captions.
    heights = [
        _BOX + _GAP + _LINE * (2 if wrong_N[start : start + columns].any() else 1) for start in range(0, n, columns)
    ]
    width = max(_MARGIN * 2 + columns * (_BOX + _GAP) - _GAP, 560)
    height = _HEAD + sum(heights) + _MARGIN - _GAP
    sheet = Image.new("RGB", (width * _SCALE, height * _SCALE), "white")
    draw = ImageDraw.Draw(sheet)
    _head(draw, wrong_N, mistakes, total)
    for i in range(n):
        x = _MARGIN + i % columns * (_BOX + _GAP)
        y = _HEAD + sum(heights[: i // columns])
        _picture(sheet, draw, images_NHWC[i], x, y, bool(wrong_N[i]))
        _caption(draw, class_names[labels_N[i]], class_names[predicted_N[i]], confidence_N[i], x, y, bool(wrong_N[i]))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
    return path


def _head(draw: Any, wrong_N: npt.NDArray[np.bool_], mistakes: int | None, total: int | None) -> None:
    shown = int(wrong_N.sum())
    all_mistakes = shown if mistakes is None else mistakes
    of = len(wrong_N) if total is None else total
    if not all_mistakes:
        finding = f"Not one mistake among {of:,} images"
    elif shown == all_mistakes:
        finding = f"The {shown if shown > 1 else 'only'} mistake{'s' if shown > 1 else ''} among {of:,} images"
    else:
        finding = f"{shown} of {all_mistakes:,} mistakes among {of:,} images, the surest first"
    _write(draw, _MARGIN, 9, finding, 16, _INK)
    legend = "mistakes framed and crossed, with what the image is; " if shown else ""
    _write(draw, _MARGIN, 30, f"Predicted class and its probability; {legend}the rest is right", 12, _GREY)


def _picture(sheet: Any, draw: Any, image_HWC: npt.NDArray[np.uint8], x: int, y: int, wrong: bool) -> None:
    from PIL import Image

    pixels = image_HWC[:, :, 0] if image_HWC.shape[2] == 1 else image_HWC
    picture = Image.fromarray(pixels).convert("RGB")
    side = _BOX * _SCALE
    ratio = side / max(picture.size)
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    picture = picture.resize(size, Image.Resampling.NEAREST if ratio >= 1 else Image.Resampling.LANCZOS)
    left, top = x * _SCALE + (side - size[0]) // 2, y * _SCALE + (side - size[1]) // 2
    sheet.paste(picture, (left, top))
    line = 3 if wrong else 1
    frame = [x * _SCALE - line, y * _SCALE - line, (x + _BOX) * _SCALE + line - 1, (y + _BOX) * _SCALE + line - 1]
    draw.rectangle(frame, outline=_WRONG if wrong else (200, 200, 200), width=line * 2 if wrong else 1)


def _caption(draw: Any, true: str, predicted: str, confidence: float, x: int, y: int, wrong: bool) -> None:
    percent = f"{confidence:.0%}" if confidence < 0.995 else ">99%"
    left = x
    if wrong:
        # Not by colour alone: a cross before the prediction.
        a, b = (x + 1) * _SCALE, (y + _BOX + 6) * _SCALE
        for ends in ((a, b, a + 7 * _SCALE, b + 7 * _SCALE), (a, b + 7 * _SCALE, a + 7 * _SCALE, b)):
            draw.line(ends, fill=_WRONG, width=2 * _SCALE)
        left += 12
    room = x + _BOX + _GAP - 4 - left
    said, size = _fitted(draw, predicted, f" · {percent}", room)
    _write(draw, left, y + _BOX + 3, said, size, _WRONG if wrong else _INK)
    if wrong:
        truth, size = _fitted(draw, f"is {true}", "", room)
        _write(draw, x, y + _BOX + 3 + _LINE, truth, size, _INK)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size * _SCALE)


def _length(draw: Any, text: str, size: int) -> float:
    return float(draw.textlength(text, font=_font(size))) / _SCALE


def _fitted(draw: Any, text: str, end: str, room: float) -> tuple[str, int]:
    """The text with its end, and a letter size in which it fits; shortened where even the small one is too large."""
    for size in (13, 11):
        if _length(draw, text + end, size) <= room:
            return text + end, size
    while len(text) > 1 and _length(draw, f"{text}…{end}", size) > room:
        text = text[:-1]
    return f"{text}…{end}", size


def _write(draw: Any, x: float, y: float, text: str, size: int, colour: tuple[int, int, int]) -> None:
    draw.text((x * _SCALE, y * _SCALE), text, font=_font(size), fill=colour)
