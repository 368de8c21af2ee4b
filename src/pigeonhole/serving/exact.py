"""The careful reading of a JSON request: floats, nested lists, the scale rule, and the position of every mistake.

Axes: N images, D numbers an image (H·W·C in row order).
"""

from __future__ import annotations

import difflib
import json
import math
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError, UsageError, listing
from pigeonhole.images import Shape

_EXAMPLE = '{"data": [[0, 0, 127, …]]}'
Problems = list[str]


def parse(body: bytes) -> Any:
    """JSON that the quick parser refused: NaN and Infinity are let through here, so that they get a position.

    Raises:
        UsageError: it is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        raise UsageError(
            f"the body is neither JSON nor a PNG or JPEG file: {reason}",
            f"{_EXAMPLE} as JSON in UTF-8, or the bytes of one image file",
            "with curl, send a file unchanged by --data-binary @FILE",
        ) from None


def fields(
    request: Any, keys: Sequence[str], scales: Sequence[str], max_images: int
) -> tuple[list[Any], str | None, bool]:
    """`data`, `scale` (`None` where it is left to the rule) and `invert` of a request.

    Raises:
        DataError: a key is missing, unknown or unfit; all of them are named.
    """
    if not isinstance(request, dict):
        raise DataError(
            f"a JSON {_kind(request)}", f"a JSON object: {_EXAMPLE}", 'put the images in a list under the key "data"'
        )
    problems = [_unknown(key, keys) for key in request if key not in keys]
    rows, scale, invert = request.get("data"), request.get("scale"), request.get("invert", False)
    if not isinstance(rows, list) or not rows:
        problems.append(f"data: {'missing' if 'data' not in request else _short(rows)}, not a list of images")
    elif len(rows) > max_images:
        problems.append(f"data: {len(rows):,} images, more than {max_images:,}")
    if "scale" in request and scale not in scales:
        problems.append(f"scale: {_short(scale)}, not {' or '.join(scales)}")
    if not isinstance(invert, bool):
        problems.append(f"invert: {_short(invert)}, not true or false")
    if problems:
        raise DataError(
            f"the request:\n{listing(problems)}",
            f'{_EXAMPLE}, and if need be "scale": "0-255" or "0-1", "invert": true',
            "correct the keys named above",
        )
    return list(rows or []), scale, invert


def pixels(rows: list[Any], shape: Shape, scale: str | None) -> tuple[bytes, str, bool]:
    """The uint8 pixels of the images, the scale they were read in, and whether that was a guess.

    Raises:
        DataError: a row has another number of values than H·W·C, or a value is no number of its scale.
    """
    problems: Problems = []
    total = 0
    values: list[list[Any]] = []
    for index, row in enumerate(rows):
        flat, problem = _flat(row, f"data[{index}]", shape)
        values.append(flat)
        if problem:
            total += 1
            problems.append(problem)
    if problems:
        _refuse(problems, total, shape, scale)
    return _scaled(values, rows, shape, scale)


def _flat(row: Any, place: str, shape: Shape) -> tuple[list[Any], str | None]:
    """One image's values in row order, and what is wrong with their number."""
    height, width, channels = shape
    size = height * width * channels
    if not isinstance(row, list):
        return [], f"{place}: {_short(row)}, not a list of {size} numbers"
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
            got = f"{len(line)} values" if isinstance(line, list) else _short(line)
            return f"{place}[{index}]: {got}, not {width} values"
        into.extend(line)
    return None


def _nested_pixels(flat: list[Any], place: str, width: int, channels: int, into: list[Any]) -> str | None:
    for index, pixel in enumerate(flat):
        if not isinstance(pixel, list) or len(pixel) != channels:
            got = f"{len(pixel)} values" if isinstance(pixel, list) else _short(pixel)
            return f"{place}[{index // width}][{index % width}]: {got}, not {channels} values"
        into.extend(pixel)
    return None


def _scaled(values: list[list[Any]], rows: list[Any], shape: Shape, scale: str | None) -> tuple[bytes, str, bool]:
    everything = [value for row in values for value in row]
    bad = [index for index, value in enumerate(everything) if type(value) not in (int, float)]
    if bad:
        _refuse_values(bad, everything, rows, shape, "no number", scale)
    numbers = _floats(everything)
    bad_numbers = np.flatnonzero(~np.isfinite(numbers))
    if len(bad_numbers):
        _refuse_values(bad_numbers.tolist(), everything, rows, shape, "no finite number", scale)
    used, ambiguous = _rule(numbers, everything, scale)
    top = 255.0 if used == "0-255" else 1.0
    wrong = (numbers < 0) | (numbers > top)
    if used == "0-255":
        wrong |= numbers != np.floor(numbers)
    if wrong.any():
        bad = np.flatnonzero(wrong).tolist()
        _refuse_values(bad, everything, rows, shape, _accepted(used), scale or used)
    whole = numbers if used == "0-255" else np.rint(numbers * 255.0)
    return whole.astype(np.uint8).tobytes(), used, ambiguous


def _floats(everything: list[Any]) -> npt.NDArray[np.float64]:
    try:
        return np.frombuffer(array("d", everything), np.float64)
    except OverflowError:  # an integer of more than 308 digits
        return np.array([value if abs(value) < 1e300 else math.inf for value in everything], np.float64)


def _rule(numbers: npt.NDArray[np.float64], everything: list[Any], scale: str | None) -> tuple[str, bool]:
    """The scale to read in, and whether the numbers could as well mean the other one."""
    if scale:
        return scale, False
    if numbers.max() > 1:
        return "0-255", False
    if any(type(value) is float for value in everything):
        return "0-1", False
    return "0-255", True


def _accepted(scale: str) -> str:
    return "not a whole number from 0 to 255" if scale == "0-255" else "not from 0 to 1"


def _refuse_values(
    bad: list[int], everything: list[Any], rows: list[Any], shape: Shape, why: str, scale: str | None
) -> None:
    shown = [f"{_place(index, rows, shape)}: {_short(everything[index])}, {why}" for index in bad[:10]]
    _refuse(shown, len(bad), shape, scale)


def _refuse(problems: Problems, total: int, shape: Shape, scale: str | None) -> None:
    height, width, channels = shape
    size = height * width * channels
    how = "0 to 1" if scale == "0-1" else "0 to 255, or with a decimal point 0 to 1"
    read = f"; the request was read as {scale}" if scale else ""
    raise DataError(
        f"the images:\n{listing(problems, total)}",
        f"for each image {size} numbers from {how}, flat or nested as {height} × {width}"
        f"{'' if channels == 1 else f' × {channels}'}{read}",
        'correct the values; "scale": "0-255" or "0-1" in the body says how to read them',
    )


def _place(index: int, rows: list[Any], shape: Shape) -> str:
    """`data[3][17]`, or `data[3][0][17]` where the images are nested: as the sender would write it."""
    _, width, channels = shape
    image, position = divmod(index, shape[0] * width * channels)
    steps = list(_steps(position, rows[image], width, channels))
    return f"data[{image}]" + "".join(f"[{step}]" for step in steps)


def _steps(position: int, row: Any, width: int, channels: int) -> Iterator[int]:
    if not isinstance(row[0], list):
        yield position
        return
    pixel, channel = divmod(position, channels)
    yield pixel // width
    yield pixel % width
    if isinstance(row[0][0], list):
        yield channel


def _unknown(key: str, keys: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, keys, n=1)
    return f"{_short(key)}: unknown key{f' (did you mean {close[0]!r}?)' if close else ''}"


def _kind(value: Any) -> str:
    names = {list: "list", str: "text", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _short(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:
        text = "a very long integer"
    return text if len(text) <= 40 else f"{text[:37]}…"
