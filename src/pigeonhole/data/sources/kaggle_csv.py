"""CSV in Kaggle's form: a header, a label column anywhere, and a column for each pixel. Reads in chunks.

Bad cells are all collected before the error is raised; a good file never meets the slow parser.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole.core.errors import DataError, listing
from pigeonhole.data.cells import Columns, Problems, Rows, parse_exact, parse_fast
from pigeonhole.data.origins import Numbered
from pigeonhole.data.plain import Plain, opened, sniff
from pigeonhole.data.reading import Chunk, Reading, ReadOptions
from pigeonhole.data.table_header import Table, read_header
from pigeonhole.images import Shape

BLOCK_BYTES = 1 << 19
# Larger than any array that parsing a block makes.
_KEPT_BYTES = 16 << 20
_REMEDY = "correct these cells, then run the same command again"


class KaggleCsvSource:
    """Reads one CSV file, gzipped or not."""

    kind = "csv"
    accepts = "a CSV file in Kaggle's form (header with label and pixel0, pixel1, …)"

    def matches(self, location: str) -> bool:
        """True for a file whose content is text, or whose name ends in .csv."""
        path = Path(location).expanduser()
        if not path.is_file():
            return False
        head = sniff(path)
        return path.name.lower().removesuffix(".gz").endswith(".csv") or (bool(head) and _is_text(head))

    def read(self, location: str, options: ReadOptions) -> Reading:
        """Reads the header. See `Source.read`."""
        path = Path(location).expanduser()
        with opened(path) as file:
            table = read_header(file, options.label, options.shape)
        facts: dict[str, Any] = {"files": []}
        return Reading(
            kind=self.kind,
            title=path.name,
            shape_HWC=table.shape_HWC,
            chunks=_chunks(path, options, facts["files"]),
            facts=facts,
        )


def _is_text(head: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 32 for byte in head) and b"," in head


def _chunks(path: Path, options: ReadOptions, files: list[dict[str, Any]]) -> Iterator[Chunk]:
    problems = Problems()
    with opened(path) as file:
        table = read_header(file, options.label, options.shape)
        row = table.first_row
        for rows, length in parsed_blocks(file, table, problems):
            labels_N, pixels = rows
            if not problems.lines:
                yield chunk_of(labels_N, pixels, table.shape_HWC, path.name, row)
            row += length
        _raise(path, problems, row - table.first_row)
        files.append({"path": str(path.resolve()), "size_bytes": file.position, "sha256": file.sha256})


def chunk_of(labels_N: Any, pixels: Any, shape_HWC: Shape, name: str, row: int) -> Chunk:
    """The chunk of rows that begin with row number `row` of the file called `name`."""
    return Chunk(pixels.reshape(-1, *shape_HWC), labels_N, Numbered(f"{name} row", row, len(labels_N)))


def parsed_blocks(file: Plain, table: Table, problems: Problems) -> Iterator[tuple[Rows, int]]:
    """The rows of a table whose header has been read, block by block, parsed on every core.

    Args:
        file: read from where it stands.
        table: its layout, and what was read beyond the header.
        problems: takes what is wrong; the rows of a block in which something is wrong are incomplete.

    Yields:
        The labels and pixels of a block, and how many rows of the file it has.
    """
    _keep_freed_memory()
    row = table.first_row
    threads = min(4, os.cpu_count() or 1)
    waiting: deque[tuple[bytes, Future[Rows | None]]] = deque()
    with ThreadPoolExecutor(threads, "csv") as pool:
        for block in blocks(file, table.rest):
            waiting.append((block, pool.submit(parse_fast, block, table.columns)))
            if len(waiting) > threads:
                parsed = _judged(*waiting.popleft(), table.columns, row, problems)
                row += parsed[1]
                yield parsed
            if problems.full:
                return
        for block, future in waiting:
            parsed = _judged(block, future, table.columns, row, problems)
            row += parsed[1]
            yield parsed


def _keep_freed_memory() -> None:
    """Makes glibc keep the memory of freed arrays for the next block, instead of asking the kernel for fresh pages.

    It raises its own limit for that when a large mapped array is freed. The array is never touched, so it costs
    nothing; without it page faults take more time than parsing (42,000 rows: 0.51 s of processor time, 0.21 with it).
    """
    np.empty(_KEPT_BYTES, np.uint8)


def _judged(
    block: bytes, future: Future[Rows | None], columns: Columns, row: int, problems: Problems
) -> tuple[Rows, int]:
    rows = future.result()
    if rows is not None:
        return rows, len(rows[0])
    return parse_exact(block, columns, row, problems), len(block.splitlines())


def blocks(file: Plain, rest: bytes) -> Iterator[bytes]:
    """The file's content in blocks of whole rows; blank lines at the very end carry nothing and are left out."""
    blank = b""
    while content := file.read(BLOCK_BYTES):
        rest = blank + rest + content
        cut = rest.rfind(b"\n") + 1
        whole, rest = rest[:cut], rest[cut:]
        solid = whole.rstrip(b"\r\n")
        end = _line_end(whole, len(solid))
        blank, whole = whole[end:], whole[:end]
        if whole:
            yield whole
    last = (blank + rest).rstrip(b"\r\n")
    if last:
        crlf = (blank + rest).rstrip(b"\n").endswith(b"\r")
        yield last + (b"\r\n" if crlf else b"\n")


def _line_end(text: bytes, solid: int) -> int:
    """Where the line ends whose last character stands before `solid`; 0 if there is none."""
    return text.find(b"\n", solid) + 1 if solid else 0


def _raise(path: Path, problems: Problems, rows: int) -> None:
    if problems.lines:
        number = f"{len(problems.lines):,}{' or more' if problems.full else ''}"
        raise DataError(
            f"{path}: {number} problem{'' if number == '1' else 's'}\n{listing(problems.lines)}",
            "labels as whole numbers from 0; pixels as whole numbers from 0 to 255; as many cells in every row",
            _REMEDY,
        )
    if rows == 0:
        raise DataError(
            f"{path} has a header and no rows", "at least one row an image", "give the file with the images"
        )
