"""The careful reading of rows of numbers: floats, nested lists, the scale rule, and the position of every mistake.

Axes: N images, D numbers an image (H·W·C in row order).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError, listing
from pigeonhole.images import Shape
from pigeonhole.serving.protocols.parsing import short

Numbers = npt.NDArray[np.float64]


class Rows(NamedTuple):
    """N images as they stand in a JSON list.

    Attributes:
        rows: each a flat list of H·W·C numbers, or nested [H][W] or [H][W][C].
        key: where they stood in the request, for messages.
        shape: (H, W, C).
    """

    rows: list[Any]
    key: str
    shape: Shape

    def pixels(self, scale: str | None) -> tuple[bytes, str, bool]:
        """The uint8 pixels of the images, the scale they were read in, and whether that was a guess.

        Raises:
            DataError: a row has another number of values than H·W·C, or a value is no number of its scale.
        """
        flat: list[Any] = []
        problems: list[str] = []
        for index, row in enumerate(self.rows):
            values, problem = _flat(row, f"{self.key}[{index}]", self.shape)
            flat += values
            if problem:
                problems.append(problem)
        if problems:
            self._refuse(problems, len(problems), scale)
        numbers = self._numbers(flat, scale)
        used, ambiguous = _rule(numbers, flat, scale)
        wrong = (numbers < 0) | (numbers > (255.0 if used == "0-255" else 1.0))
        if used == "0-255":
            wrong |= numbers != np.floor(numbers)
        if wrong.any():
            self._refuse_values(np.flatnonzero(wrong).tolist(), flat, _accepted(used), scale or used)
        whole = numbers if used == "0-255" else np.rint(numbers * 255.0)
        return whole.astype(np.uint8).tobytes(), used, ambiguous

    def _numbers(self, flat: list[Any], scale: str | None) -> Numbers:
        bad = [index for index, value in enumerate(flat) if type(value) not in (int, float)]
        if bad:
            self._refuse_values(bad, flat, "no number", scale)
        numbers = _floats(flat)
        endless = np.flatnonzero(~np.isfinite(numbers))
        if len(endless):
            self._refuse_values(endless.tolist(), flat, "no finite number", scale)
        return numbers

    def _refuse_values(self, bad: list[int], flat: list[Any], why: str, scale: str | None) -> NoReturn:
        shown = [f"{self._place(index)}: {short(flat[index])}, {why}" for index in bad[:10]]
        self._refuse(shown, len(bad), scale)

    def _refuse(self, problems: list[str], total: int, scale: str | None) -> NoReturn:
        height, width, channels = self.shape
        how = "0 to 1" if scale == "0-1" else "0 to 255, or with a decimal point 0 to 1"
        read = f"; the request was read as {scale}" if scale else ""
        raise DataError(
            f"the images:\n{listing(problems, total)}",
            f"for each image {height * width * channels} numbers from {how}, flat or nested as {height} × {width}"
            f"{'' if channels == 1 else f' × {channels}'}{read}",
            'correct the values; "scale": "0-255" or "0-1" in the body says how to read them',
        )

    def _place(self, index: int) -> str:
        """`data[3][17]`, or `data[3][0][17]` where the images are nested: as the sender would write it."""
        height, width, channels = self.shape
        image, position = divmod(index, height * width * channels)
        steps = _steps(position, self.rows[image], width, channels)
        return f"{self.key}[{image}]" + "".join(f"[{step}]" for step in steps)


def _flat(row: Any, place: str, shape: Shape) -> tuple[list[Any], str | None]:
    """One image's values in row order, and what is wrong with their number."""
    height, width, channels = shape
    size = height * width * channels
    if not isinstance(row, list):
        return [], f"{place}: {short(row)}, not a list of {size} numbers"
    if not row or not isinstance(row[0], list):
        problem = None if len(row) == size else f"{place}: {len(row)} values, not {size}"
        return row, problem
    flat: list[Any] = []
    problem = _nested(row, place, (height, width), flat)
    if not problem and flat and isinstance(flat[0], list):
        deeper: list[Any] = []
        problem = _nested_pixels(flat, place, width, channels, deeper)
        flat = deeper
    elif not problem and channels != 1:
        problem = f"{place}: {height} × {width} numbers, not {height} × {width} × {channels}"
    return flat, problem


def _nested(lines: list[Any], place: str, sizes: tuple[int, int], into: list[Any]) -> str | None:
    height, width = sizes
    if len(lines) != height:
        return f"{place}: {len(lines)} rows, not {height}"
    for index, line in enumerate(lines):
        if not isinstance(line, list) or len(line) != width:
            got = f"{len(line)} values" if isinstance(line, list) else short(line)
            return f"{place}[{index}]: {got}, not {width} values"
        into.extend(line)
    return None


def _nested_pixels(flat: list[Any], place: str, width: int, channels: int, into: list[Any]) -> str | None:
    for index, pixel in enumerate(flat):
        if not isinstance(pixel, list) or len(pixel) != channels:
            got = f"{len(pixel)} values" if isinstance(pixel, list) else short(pixel)
            return f"{place}[{index // width}][{index % width}]: {got}, not {channels} values"
        into.extend(pixel)
    return None


def _floats(flat: list[Any]) -> Numbers:
    try:
        return np.frombuffer(array("d", flat), np.float64)
    except OverflowError:  # an integer of more than 308 digits
        return np.array([value if abs(value) < 1e300 else math.inf for value in flat], np.float64)


def _rule(numbers: Numbers, flat: list[Any], scale: str | None) -> tuple[str, bool]:
    """The scale to read in, and whether the numbers could as well mean the other one."""
    if scale:
        return scale, False
    if numbers.max() > 1:
        return "0-255", False
    if any(type(value) is float for value in flat):
        return "0-1", False
    return "0-255", True


def _accepted(scale: str) -> str:
    return "not a whole number from 0 to 255" if scale == "0-255" else "not from 0 to 1"


def _steps(position: int, row: Any, width: int, channels: int) -> Iterator[int]:
    if not isinstance(row[0], list):
        yield position
        return
    pixel, channel = divmod(position, channels)
    yield pixel // width
    yield pixel % width
    if isinstance(row[0][0], list):
        yield channel
