"""`index.parquet`: what is known of each image beside its pixels. Written once, read by column.

Axes: N images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.optional import require
from pigeonhole.data.columns import numbers, texts
from pigeonhole.data.origins import Origins
from pigeonhole.data.reading import SPLITS

FILE = "index.parquet"
FORMAT_VERSION = 1
DIGEST_BYTES = 32
BATCH_ROWS = 1 << 14
_NUMBER_COLUMNS = {"id": "int64", "label": "int32"}


@dataclass(frozen=True)
class Index:
    """The rows of a dataset.

    Args:
        labels_N: int64, the class of each image.
        split_N: uint8, places in `SPLITS`.
        groups_N: a group's name, or an empty text for none; `None` if there are no groups at all.
        origins: where each image came from.
        digests: the SHA-256 of each image's pixels, 32 bytes an image, one after the other.
    """

    labels_N: NDArray[np.int64]
    split_N: NDArray[np.uint8]
    groups_N: NDArray[np.str_] | None
    origins: Origins
    digests: bytes | bytearray


def write_index(folder: Path, index: Index) -> None:
    """Writes the index into a staged folder."""
    pa, parquet = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
    # A file of our own opening, so that a full disk keeps its error number.
    with (folder / FILE).open("wb") as file:
        writer = None
        for start, origins in zip(
            range(0, len(index.labels_N), BATCH_ROWS), index.origins.batches(BATCH_ROWS), strict=True
        ):
            table = _table(pa, index, slice(start, start + len(origins)), origins)
            writer = writer or parquet.ParquetWriter(
                file, table.schema, compression="zstd", use_dictionary=["split", "group"], write_statistics=False
            )
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _table(pa: Any, index: Index, rows: slice, origins: Sequence[str]) -> Any:
    split = pa.DictionaryArray.from_arrays(numbers(pa, "int8", index.split_N[rows]), texts(pa, SPLITS))
    digests = index.digests[rows.start * DIGEST_BYTES : rows.stop * DIGEST_BYTES]
    return pa.table(
        {
            "id": numbers(pa, "int64", np.arange(rows.start, rows.stop)),
            "label": numbers(pa, "int32", index.labels_N[rows]),
            "split": split,
            "group": _groups(pa, None if index.groups_N is None else index.groups_N[rows], len(origins)),
            "source": texts(pa, origins),
            "sha256": _digests(pa, digests, len(origins)),
        },
        metadata={"format": "pigeonhole-index", "format_version": str(FORMAT_VERSION)},
    )


def _digests(pa: Any, digests: bytes | bytearray, n: int) -> Any:
    width = 2 * DIGEST_BYTES
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(digests.hex().encode())]
    return pa.Array.from_buffers(pa.large_string(), n, buffers)


def _groups(pa: Any, groups_N: NDArray[np.str_] | None, n: int) -> Any:
    if groups_N is None:
        return pa.DictionaryArray.from_arrays(pa.nulls(n, pa.int32()), texts(pa, []))
    names, place_N = np.unique(groups_N, return_inverse=True)
    present = np.packbits(groups_N != "", bitorder="little")
    codes = np.ascontiguousarray(place_N, np.int32)
    buffers = [pa.py_buffer(present), pa.py_buffer(codes)]
    return pa.DictionaryArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), len(codes), buffers), texts(pa, names.tolist())
    )


def read_column(folder: Path, name: str) -> NDArray[Any] | list[str | None]:
    """One column of the index: numbers as an array, texts as a list with `None` where there is none."""
    parquet = require("pyarrow.parquet", extra="data")
    # `parquet.read_table` would import pandas too.
    with parquet.ParquetFile(folder / FILE) as file:
        column = file.read(columns=[name]).column(name)
    kind = _NUMBER_COLUMNS.get(name)
    if kind is not None:
        return np.concatenate([np.empty(0, kind), *(_values(chunk, kind) for chunk in column.chunks)])
    values: list[str | None] = column.to_pylist()
    return values


def _values(chunk: Any, kind: str) -> NDArray[Any]:
    # Straight from the buffer: `to_numpy` would import pandas.
    values: NDArray[Any] = np.frombuffer(chunk.buffers()[1], dtype=kind)
    return values[chunk.offset : chunk.offset + len(chunk)]
