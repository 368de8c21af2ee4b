"""A table in CSV, as `DataFrame.to_csv()` writes it → its rows, one image each. Reads cells; checks no image."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pigeonhole.core.errors import UsageError
from pigeonhole.serving.protocols.parsing import short

KIND = b"text/csv"
ACCEPTED = "CSV in UTF-8: a line with the names of the columns, then a line an image, with a number in each cell"
_REMEDY = "pandas writes it by to_csv(index=False)"


def read_rows(body: bytes) -> list[list[Any]]:
    """The rows below the header: numbers, and texts where a cell holds none.

    A first column without a name is the index that pandas writes, and is left out.

    Raises:
        UsageError: it is no CSV in UTF-8, or its first line is no header.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header, *rows = filter(None, lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"the body is no CSV: {error}", ACCEPTED, _REMEDY) from None
    except ValueError:
        raise UsageError("CSV without a line", ACCEPTED, _REMEDY) from None
    if len(set(header)) < len(header):
        # MLflow would take it for one all the same, and leave an image unanswered.
        twice, _ = Counter(header).most_common(1)[0]
        raise UsageError(f"CSV whose first line has {short(twice)} more than once", ACCEPTED, _REMEDY)
    first = 1 if header[0] == "" and len(header) > 1 else 0
    return [list(_numbers(row[first:])) for row in rows]


def _numbers(cells: list[str]) -> Iterator[Any]:
    """An integer stays one, since it tells the scale; what Python alone takes for a number (`1_0`) stays a text."""
    for cell in cells:
        try:
            yield int(cell) if cell.isdecimal() else cell if "_" in cell else float(cell)
        except ValueError:
            yield cell
