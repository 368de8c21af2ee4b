"""The journal: finished work, one record after the other, in the order of rows. What a kill tore is cut off.

A record is a header (magic, first row, images, classes, length of the JSON, CRC-32 of all that follows the CRC), the
probabilities as little-endian float32, and JSON with names, failures and warnings. Records follow each other without
a gap, so no row can be lost or stand there twice; the first that is not whole ends the journal.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from pigeonhole.batch.outcome import Outcome
from pigeonhole.core.files import disk_full_is_data_error

MAGIC = b"PHB1"
_CRC = struct.Struct("<4sI")
_HEADER = struct.Struct("<QIII")
_FLOAT_BYTES = 4


class Journal:
    """The journal of one job, open for appending.

    Args:
        path: its file; made if absent. A torn record at its end is cut off.
        n_classes: K.
    """

    def __init__(self, path: Path, n_classes: int) -> None:
        self._path, self._classes = path, n_classes
        self.rows = 0
        path.touch()
        whole = 0
        with path.open("rb") as file:
            for outcome in _records(file, n_classes):
                self.rows += len(outcome)
                whole = file.tell()
        os.truncate(path, whole)
        # Without a buffer: what could not be written must not be tried again when the file is closed.
        self._file = path.open("ab", buffering=0)

    def append(self, outcome: Outcome) -> None:
        """Adds the outcome of the next rows.

        Raises:
            DataError: the disk is full; what was added before is kept.
        """
        if outcome.start != self.rows or outcome.probs_NK.shape[1] != self._classes:
            raise AssertionError(f"row {outcome.start} after {self.rows} rows, {outcome.probs_NK.shape[1]} classes")
        rest = memoryview(_record(outcome))
        with disk_full_is_data_error(self._path):
            while rest:
                rest = rest[self._file.write(rest) :]
        self.rows += len(outcome)

    def records(self) -> Iterator[Outcome]:
        """All outcomes so far, in the order of rows, one at a time."""
        with self._path.open("rb") as file:
            yield from _records(file, self._classes)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _record(outcome: Outcome) -> bytes:
    facts: dict[str, Any] = {"names": list(outcome.names)}
    if outcome.failed:
        facts["failed"] = [[place, text] for place, text in sorted(outcome.failed.items())]
    if outcome.warned:
        facts["warned"] = [[place, list(texts)] for place, texts in sorted(outcome.warned.items())]
    text = orjson.dumps(facts)
    n, k = outcome.probs_NK.shape
    probs = np.ascontiguousarray(outcome.probs_NK, "<f4").tobytes()
    body = _HEADER.pack(outcome.start, n, k, len(text)) + probs + text
    return _CRC.pack(MAGIC, zlib.crc32(body)) + body


def _records(file: BinaryIO, n_classes: int) -> Iterator[Outcome]:
    row = 0
    while (outcome := _next(file)) is not None and outcome.start == row and outcome.probs_NK.shape[1] == n_classes:
        yield outcome
        row += len(outcome)


def _next(file: BinaryIO) -> Outcome | None:
    """The record that begins here, or `None` if there is no whole one."""
    head = file.read(_CRC.size + _HEADER.size)
    if len(head) < _CRC.size + _HEADER.size:
        return None
    magic, crc = _CRC.unpack_from(head)
    start, n, k, length = _HEADER.unpack_from(head, _CRC.size)
    size = n * k * _FLOAT_BYTES + length
    # A header of garbage may announce any size; what is not there is not read into memory either.
    if magic != MAGIC or size > os.fstat(file.fileno()).st_size - file.tell():
        return None
    body = file.read(size)
    if zlib.crc32(body, zlib.crc32(head[_CRC.size :])) != crc:
        return None
    probs_NK = np.frombuffer(body, "<f4", n * k).reshape(n, k)
    facts = orjson.loads(body[n * k * _FLOAT_BYTES :])
    return Outcome(start, facts["names"], probs_NK, dict(facts.get("failed", [])), dict(facts.get("warned", [])))
