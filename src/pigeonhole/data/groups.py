"""Who made each image (a writer, a patient, a camera): one column of a CSV file with a row an image.

Axes: N images.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import DataError, UsageError, listing
from pigeonhole.data.plain import readable

_INDEX = "index"


def read_groups(paths: Sequence[Path], column: str, count: int, train_count: int) -> NDArray[np.str_]:
    """The group of each image; an empty text for an image that has none.

    Args:
        paths: CSV files with a header, a row an image in the order of the source, one file after the other. They
            cover all images, or just those before the source's own test images.
        column: the column that names the group.
        count: how many images there are.
        train_count: how many of them come before the source's own test images.

    Raises:
        UsageError: there is no such column.
        DataError: the rows are not one an image, a group is missing, or the file cannot be read.
    """
    values = [value for path in paths for value in _column(path, column)]
    names = " and ".join(str(path) for path in paths)
    if len(values) not in {count, train_count}:
        only = (
            f", or {train_count:,} for the images that are not of the source's own test split"
            if train_count != count
            else ""
        )
        raise DataError(
            f"{names}: {len(values):,} rows for {count:,} images",
            f"a row an image: {count:,}{only}",
            "give the file that belongs to this source",
        )
    return np.array(values + [""] * (count - len(values)), dtype=np.str_)


def _column(path: Path, column: str) -> list[str]:
    with readable(path), path.open(encoding="utf-8-sig", newline="") as file:
        try:
            rows = list(csv.reader(file, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}: no CSV file ({error})", "CSV as UTF-8, with a header", "save it again") from error
    header = [name.strip() for name in rows[0]] if rows else []
    if column not in header:
        raise UsageError(
            f"--group-by {column!r}{suggestion(column, header)}",
            f"a column of {path}: {', '.join(header) or 'it is empty'}",
            "correct --group-by",
        )
    _check_rows(path, header, rows, column)
    place = header.index(column)
    return [row[place].strip() for row in rows[1:]]


def _check_rows(path: Path, header: list[str], rows: list[list[str]], column: str) -> None:
    place, index = header.index(column), header.index(_INDEX) if _INDEX in header else None
    problems = []
    for number, row in enumerate(rows[1:]):
        where = f"row {number + 2:,}"
        if len(row) != len(header):
            problems.append(f"{where}: {len(row)} cells where the header has {len(header)} columns")
        elif not row[place].strip():
            problems.append(f"{where}, column {column!r}: the cell is empty")
        elif index is not None and row[index].strip() != str(number):
            problems.append(f"{where}, column {_INDEX!r}: {row[index]!r}, expected {number}")
    if problems:
        raise DataError(
            f"{path}: {len(problems):,} problems\n{listing(problems)}",
            "a row an image, in the order of the source, each with its group (a column 'index' counts from 0)",
            "correct these rows",
        )
