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
from pigeonhole.data.reading import SPLITS

FILE = "index.parquet"
FORMAT_VERSION = 1
DIGEST_BYTES = 32


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
    origins: Sequence[str]
    digests: bytes


def write_index(folder: Path, index: Index) -> None:
    """Writes the index into a staged folder."""
    pa, parquet = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
    n = len(index.labels_N)
    groups = pa.nulls(n, pa.string())
    if index.groups_N is not None:
        groups = pa.array(index.groups_N, pa.string(), mask=index.groups_N == "").dictionary_encode()
    table = pa.table(
        {
            "id": pa.array(np.arange(n)),
            "label": pa.array(index.labels_N.astype(np.int32)),
            "split": pa.DictionaryArray.from_arrays(pa.array(index.split_N.astype(np.int8)), list(SPLITS)),
            "group": groups,
            "source": pa.array(index.origins, pa.string()),
            "sha256": _hex_column(pa, index.digests, n),
        },
    ).replace_schema_metadata({"format": "pigeonhole-index", "format_version": str(FORMAT_VERSION)})
    # A file of our own opening, so that a full disk keeps its error number.
    with (folder / FILE).open("wb") as file:
        parquet.write_table(table, file, compression="zstd", use_dictionary=["split", "group"], write_statistics=False)


def _hex_column(pa: Any, digests: bytes, n: int) -> Any:
    # One text for all, and offsets into it: a Python text an image would cost more than the rest of the index.
    width = 2 * DIGEST_BYTES
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(digests.hex().encode())]
    return pa.Array.from_buffers(pa.large_string(), n, buffers)


def read_column(folder: Path, name: str) -> Any:
    """One column of the index as a NumPy array; text columns as Python texts, `None` where there is none."""
    parquet = require("pyarrow.parquet", extra="data")
    column = parquet.read_table(folder / FILE, columns=[name]).column(name)
    return column.to_numpy()
