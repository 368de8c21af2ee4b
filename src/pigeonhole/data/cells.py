"""Rows of whole numbers as text to arrays: a vectorised parser for good rows, an exact one that names bad cells.

The first knows only digits, commas and line ends and gives up on anything else; the second is the judge of what
is accepted. Axes: R rows, K cells of a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_DIGITS = re.compile(rb"[0-9]{1,18}")
_ZERO, _COMMA, _NEWLINE, _RETURN = 48, 44, 10, 13
MAX_PIXEL = 255
# After so many, a file is wrong as a whole, and counting on would take minutes.
MAX_PROBLEMS = 1000


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are.

    Args:
        names: all of them, in order.
        label: the place of the label column; `None` if there is none.
    """

    names: Sequence[str]
    label: int | None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def pixels(self) -> int:
        """How many of them are pixels."""
        return len(self.names) - (self.label is not None)


@dataclass
class Problems:
    """Bad cells in the order they stand in the file, with their count."""

    lines: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether enough were found to stop."""
        return len(self.lines) >= MAX_PROBLEMS

    def add(self, row: int, text: str) -> None:
        """Notes one. Rows are counted as a spreadsheet counts them: the header is row 1."""
        self.lines.append(f"row {row:,}, {text}")


Rows = tuple[NDArray[np.int64], NDArray[np.uint8]]


def parse_fast(block: bytes, columns: Columns) -> Rows | None:
    """The labels [R] and pixels [R, K - 1] of whole rows, or `None` if there is anything unusual in them.

    Of a table without a label column every label is -1, and all K cells are pixels.

    Three times as fast as polars on the reference machine (benchmarks/ingest.py), and strict: each separator
    stands where it must, each cell has one to three digits, and no cell is over 255.

    Args:
        block: whole rows, each with its line end.
        columns: what the columns are.
    """
    text = np.frombuffer(block, np.uint8)
    digits = text - np.uint8(_ZERO)  # wraps round, so that everything but a digit is over 9
    ends = np.flatnonzero(digits > 9)
    carriage_returns = len(block) > 1 and block[-2] == _RETURN
    if not _regular(text[ends], len(columns), carriage_returns):
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    if carriage_returns:
        # The line feed after a carriage return ends no cell; its «cell» must be empty.
        shape = (-1, len(columns) + 1)
        if lengths.reshape(shape)[:, -1].any():
            return None
        ends, lengths = (array.reshape(shape)[:, :-1].ravel() for array in (ends, lengths))
    values = _cells(digits, ends, lengths)
    return None if values is None else _split_off_label(values.reshape(-1, len(columns)), columns.label)


def _regular(separators: NDArray[np.uint8], cells: int, carriage_returns: bool) -> bool:
    """Whether the separators are those of whole rows: commas, then the line end."""
    line_end = [_RETURN, _NEWLINE] if carriage_returns else [_NEWLINE]
    row = np.array([_COMMA] * (cells - 1) + line_end, np.uint8)
    return separators.size % row.size == 0 and bool((separators.reshape(-1, row.size) == row).all())


def _cells(digits: NDArray[np.uint8], ends: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint8] | None:
    if lengths.size == 0 or lengths.min() < 1 or lengths.max() > 3:
        return None
    values = digits.take(ends - 1)
    # Most cells of most images are one digit (black), so the rest are gathered apart.
    longer = np.flatnonzero(lengths > 1)
    if longer.size:
        last, hundreds = ends[longer], lengths[longer] > 2
        large = values[longer] + digits[last - 2] * np.uint16(10) + digits[last - 3] * (hundreds * np.uint16(100))
        if large.max() > MAX_PIXEL:
            return None
        values[longer] = large
    return values


def _split_off_label(values_RK: NDArray[np.uint8], label: int | None) -> Rows:
    if label is None:
        return np.full(len(values_RK), -1, np.int64), values_RK
    pixels = np.concatenate([values_RK[:, :label], values_RK[:, label + 1 :]], axis=1)
    return values_RK[:, label].astype(np.int64), pixels


def parse_exact(block: bytes, columns: Columns, first_row: int, problems: Problems) -> Rows:
    """The same as `parse_fast` cell by cell; spaces and quotes around a number are allowed.

    Args:
        block: whole rows.
        columns: what the columns are.
        first_row: the number of the block's first row in the file.
        problems: takes what is wrong, with its row and column; a row with a problem is left out of the result,
            so the result counts only if nothing was added.
    """
    rows = []
    for row, line in enumerate(block.splitlines(), start=first_row):
        if problems.full:
            break
        values = _exact_row(line, columns, row, problems)
        if values is not None:
            rows.append(values)
    if not rows:
        return np.empty(0, np.int64), np.empty((0, columns.pixels), np.uint8)
    values_RK = np.array(rows, np.int64)
    if columns.label is None:
        return np.full(len(rows), -1, np.int64), values_RK.astype(np.uint8)
    return values_RK[:, columns.label], np.delete(values_RK, columns.label, axis=1).astype(np.uint8)


def _exact_row(line: bytes, columns: Columns, row: int, problems: Problems) -> list[int] | None:
    cells = line.split(b",")
    if len(cells) != len(columns):
        what = "an empty row" if not line.strip() else f"{len(cells):,} cells"
        problems.add(row, f"{what} where the header has {len(columns):,} columns")
        return None
    before = len(problems.lines)
    values = [_exact_cell(cell, place, columns, row, problems) for place, cell in enumerate(cells)]
    return values if len(problems.lines) == before else None


def _exact_cell(cell: bytes, place: int, columns: Columns, row: int, problems: Problems) -> int:
    text = cell.strip(b" \t")
    if len(text) > 1 and text[:1] == text[-1:] == b'"':
        text = text[1:-1].strip(b" \t")
    is_label = place == columns.label
    if _DIGITS.fullmatch(text):
        value = int(text)
        if is_label or value <= MAX_PIXEL:
            return value
    if not problems.full:
        problems.add(row, f"column {columns.names[place]!r} ({place + 1:,}): {_what_is_wrong(text, is_label)}")
    return 0


def _what_is_wrong(text: bytes, is_label: bool) -> str:
    shown = text[:40].decode("utf-8", "replace")
    if not text:
        return "the label is missing" if is_label else "the cell is empty"
    noun = "the label" if is_label else "the pixel"
    try:
        value = float(text)
    except ValueError:
        return f"{noun} is the text {shown!r}"
    if value != value:
        return f"{noun} is missing ({shown!r})"
    if value < 0:
        return f"{noun} is negative ({shown})"
    if not is_label and value > MAX_PIXEL:
        return f"{noun} is over 255 ({shown})"
    return f"{noun} is no whole number in plain digits ({shown})"
