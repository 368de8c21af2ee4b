"""The header of a table of images: which column is the label, and what shape the pixel columns say.

Nothing is guessed: a shape that the header does not settle is refused, with the way to say it.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from dataclasses import dataclass

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import DataError, listing
from pigeonhole.data.cells import Columns
from pigeonhole.data.plain import Plain
from pigeonhole.images import Shape

DEFAULT_LABEL = "label"
MAX_HEADER_BYTES = 16 << 20
_READ_BYTES = 1 << 16
_FORM = "a header as label,pixel0,pixel1,…: one label column, in any place, and the pixels row by row"
_NUMBERED = re.compile(r"(.*?)(\d+)", re.DOTALL)
_GRID = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True)
class Table:
    """The layout of a table.

    Args:
        columns: its columns.
        shape_HWC: the shape of every image.
        rest: what was read of the file beyond the header.
        first_row: the number of the first row of data, as a spreadsheet counts.
    """

    columns: Columns
    shape_HWC: Shape
    rest: bytes = b""
    first_row: int = 2


def read_header(file: Plain, label: str | None, shape: Shape | None, *, labelled: bool = True) -> Table:
    """The layout of the table that begins in `file`.

    Args:
        file: just opened.
        label: the label column's name; `None` means `label`, in capitals or not.
        shape: what the user says the shape is; `None` derives it from the pixel columns: names like `3x7` (row by
            column) say it, and else a square number of them is a square grey image.
        labelled: False lets a table be without a label column, unless one is named.

    Raises:
        DataError: no header, no label column, columns that are neither label nor pixels, or an unknown shape.
    """
    line, rest = _first_line(file)
    names = _names(line, file)
    place = _label_place(names, label, file, labelled)
    pixels = [name for index, name in enumerate(names) if index != place]
    return Table(Columns(names, place), _shape(pixels, shape, file), rest)


def _first_line(file: Plain) -> tuple[bytes, bytes]:
    content = b""
    while b"\n" not in content and len(content) < MAX_HEADER_BYTES:
        more = file.read(_READ_BYTES)
        if not more:
            break
        content += more
    if not content.strip():
        raise DataError(f"{file.path} is empty", _FORM, "give the file with the images")
    line, _, rest = content.partition(b"\n")
    return line.removeprefix(codecs.BOM_UTF8).removesuffix(b"\r"), rest


def _names(line: bytes, file: Plain) -> list[str]:
    try:
        names = [name.strip() for name in next(csv.reader([line.decode()], strict=True), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{file.path} row 1: the header cannot be read ({error})",
            f"UTF-8 text, {_FORM}",
            "save the file as CSV UTF-8",
        ) from error
    if all(_is_number(name) for name in names):
        raise DataError(
            f"{file.path} row 1: numbers where the header should be", _FORM, "put a header above the first row"
        )
    if len(names) < 2:
        other = next((mark for mark in (";", "\t", "|") if mark in names[0]), None)
        hint = f"save it with commas instead of {other!r}" if other else "give the file with the images"
        raise DataError(f"{file.path} row 1: one column, {names[0][:60]!r}", _FORM, hint)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(
            f"{file.path} row 1: the same column name more than once\n{listing([repr(name) for name in twice])}",
            "each name once",
            "rename the columns",
        )
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _label_place(names: list[str], label: str | None, file: Plain, labelled: bool) -> int | None:
    wanted = label or DEFAULT_LABEL
    if wanted in names:
        return names.index(wanted)
    alike = [index for index, name in enumerate(names) if label is None and name.lower() == DEFAULT_LABEL]
    if len(alike) == 1:
        return alike[0]
    if label is None and not labelled:
        return None
    others = [name for name in names if not _NUMBERED.fullmatch(name)]
    seen = f"; the columns that are no pixels are {', '.join(map(repr, others[:5]))}" if others else ""
    raise DataError(
        f"{file.path} row 1: no column {wanted!r} among {len(names):,}{seen}{suggestion(wanted, others)}",
        _FORM,
        "name the label column with --label; images without labels cannot be trained on",
    )


def _shape(pixels: list[str], shape: Shape | None, file: Plain) -> Shape:
    named = _grid(pixels)
    if named is None:
        _check_numbered(pixels, file)
    if shape is None:
        return named or _square(len(pixels), file)
    if math.prod(shape) != len(pixels):
        raise DataError(
            f"{file.path} row 1: {len(pixels):,} pixel columns, and the shape {' × '.join(map(str, shape))}",
            f"height × width × channels with the product {len(pixels):,}",
            "correct the shape",
        )
    return shape


def _grid(pixels: list[str]) -> Shape | None:
    """The shape that names like `1x1`, `1x2`, … say, or `None` if they are no whole grid, row by row."""
    matches = [_GRID.fullmatch(name) for name in pixels]
    places = [(int(match[1]), int(match[2])) for match in matches if match]
    if len(places) < len(pixels) or places[0] not in {(0, 0), (1, 1)}:
        return None
    start = places[0][0]
    height, width = places[-1][0] - start + 1, places[-1][1] - start + 1
    whole = [(row + start, column + start) for row in range(height) for column in range(width)]
    return (height, width, 1) if places == whole else None


def _check_numbered(pixels: list[str], file: Plain) -> None:
    """Refuses columns that are not one name with the numbers 0, 1, 2, … (or 1, 2, 3, …) in order."""
    first = _NUMBERED.fullmatch(pixels[0])
    prefix, start = (first[1], int(first[2])) if first else ("pixel", 0)
    start = start if start in {0, 1} else 0
    strangers = [
        f"column {name!r}, expected {prefix}{number}"
        for number, name in enumerate(pixels, start=start)
        if name != f"{prefix}{number}"
    ]
    if strangers:
        raise DataError(
            f"{file.path} row 1: columns that are neither the label nor pixels in order\n{listing(strangers)}",
            _FORM,
            "leave out other columns, and put the pixels in order",
        )


def _square(count: int, file: Plain) -> Shape:
    side = math.isqrt(count)
    if side * side == count:
        return side, side, 1
    colour = math.isqrt(count // 3)
    maybe = (
        f" (three times {colour} × {colour}: colour, but the header does not say in which order)"
        if 3 * colour * colour == count
        else ""
    )
    raise DataError(
        f"{file.path} row 1: {count:,} pixel columns, whose shape is not known{maybe}",
        "a square number of pixels (a square grey image), columns named by row and column (1x1, 1x2, …), or a shape",
        "say height, width and channels with --shape HxWxC (from Python shape=(H, W, C)), the values pixel by pixel;"
        " or use a folder of images",
    )
