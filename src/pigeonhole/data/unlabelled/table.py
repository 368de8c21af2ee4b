"""CSV in Kaggle's form, with or without a label column. A row with a bad cell is a damaged image with its reason.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pigeonhole.data.cells import Columns, Problems, parse_exact, parse_fast
from pigeonhole.data.origins import Numbered
from pigeonhole.data.plain import Plain, opened
from pigeonhole.data.sources.kaggle_csv import KaggleCsvSource, blocks
from pigeonhole.data.table_header import Table, read_header
from pigeonhole.data.unlabelled.image_set import ImageOptions, ImageSet, Pixels, Portion, file_stamp

_NEWLINE = 10


class CsvFile:
    """One CSV file, gzipped or not."""

    kind = "csv"
    accepts = "a CSV file in Kaggle's form (header with pixel0, pixel1, …; a column label is left alone)"

    def matches(self, path: Path) -> bool:
        """True where `ingest` would read a table."""
        return KaggleCsvSource().matches(str(path))

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """Reads the header. See `Kind.open`."""
        options.refuse(self.kind, "images")

        def header(file: Plain) -> Table:
            return read_header(file, options.label, options.shape, labelled=False)

        with opened(path) as file:
            header(file)

        def read(first: int, size: int) -> Iterator[Portion]:
            with opened(path) as file:
                table = header(file)
                row = 0
                for rows in _pieces(blocks(file, table.rest), size):
                    n = rows.count(b"\n")
                    if row >= first:
                        names = Numbered(f"{path.name} row", table.first_row + row, n)
                        yield Portion(row, names, partial(_parsed, rows, n, table))
                    row += n

        return ImageSet(self.kind, path.name, file_stamp(path), read)


def _pieces(whole_rows: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Each block of rows, cut after every `size` rows."""
    for block in whole_rows:
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE) + 1
        begin = 0
        for end in (*ends[size - 1 : -1 : size].tolist(), len(block)):
            yield block[begin:end]
            begin = end


def _parsed(rows: bytes, n: int, table: Table) -> Pixels:
    parsed = parse_fast(rows, table.columns)
    if parsed is not None:
        return Pixels(parsed[1].reshape(n, *table.shape_HWC))
    return _one_by_one(rows, n, table)


def _one_by_one(rows: bytes, n: int, table: Table) -> Pixels:
    images_NP = np.zeros((n, table.columns.pixels), np.uint8)
    damaged = {}
    for place, line in enumerate(rows.split(b"\n")[:n]):
        problem = _row(line, table.columns, images_NP, place)
        if problem:
            damaged[place] = problem
    return Pixels(images_NP.reshape(n, *table.shape_HWC), damaged)


def _row(line: bytes, columns: Columns, images_NP: NDArray[np.uint8], place: int) -> str:
    """Puts one row's pixels in their place, or says what is wrong with it."""
    problems = Problems()
    _, pixels = parse_exact(line.removesuffix(b"\r") + b"\n", columns, 0, problems)
    if problems.lines:
        return "; ".join(text.partition(", ")[2] for text in problems.lines[:3])
    images_NP[place] = pixels[0]
    return ""
