"""A Parquet file with a column of images: rows of pixels, or PNG and JPEG files as bytes.

Axes: N images, H height, W width, C channels, P pixels times channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError
from pigeonhole.core.optional import require
from pigeonhole.data.origins import Numbered
from pigeonhole.data.unlabelled.image_set import (
    Encoded,
    ImageOptions,
    ImageSet,
    Pixels,
    Portion,
    affordable,
    begins,
    file_stamp,
    image_shape,
)
from pigeonhole.images import Shape

_USUAL = ("images", "image")
_FORM = "lists of uint8 pixels, or PNG or JPEG files as bytes (or as a struct with a field bytes)"


class ParquetFile:
    """One Parquet file, as `data export` or others write it."""

    kind = "parquet"
    accepts = "a Parquet file with a column of images"

    def matches(self, path: Path) -> bool:
        """True for a file that begins as Parquet files do."""
        return path.is_file() and begins(path, b"PAR1")

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """Chooses the column and finds out the images' shape. See `Kind.open`."""
        options.refuse(self.kind, "label")
        parquet = require("pyarrow.parquet", extra="data")
        pa = require("pyarrow", extra="data")
        try:
            file = parquet.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise DataError(f"{path} is damaged: {error}", "a whole Parquet file", "write it again") from error
        with file:
            schema, count = file.schema_arrow, file.metadata.num_rows
            groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
            sizes = [(group.num_rows, group.total_byte_size) for group in groups]
        name = _column(path, pa, schema, options.images)
        column = _Column(path, name, _shape_given(schema, options.shape))

        def read(first: int, size: int) -> Iterator[Portion]:
            with parquet.ParquetFile(path) as file:
                yield from _portions(file, sizes, column, first, size)

        return ImageSet(self.kind, path.name, f"{file_stamp(path)}\0{name}", read, count)


class _Column:
    """The column of images, and what is known of its images' shape."""

    def __init__(self, path: Path, name: str, shape: Shape | None) -> None:
        self.path, self.name, self.shape = path, name, shape

    def load(self, array: Any) -> Pixels | Encoded:
        kind = str(array.type)
        if kind.startswith("struct"):
            array = array.field("bytes")
            kind = "binary"
        if kind.endswith("binary"):
            return Encoded([partial(_bytes, array, place) for place in range(len(array))])
        return self._pixels(array)

    def _pixels(self, array: Any) -> Pixels:
        lists = [_list(array, place) for place in range(len(array))]
        lengths = Counter(len(values) for values in lists if values is not None)
        usual = lengths.most_common(1)[0][0] if lengths else 0
        shape = (
            image_shape((len(lists), usual), self.shape, f"{self.path}, column {self.name!r}") if usual else (1, 1, 1)
        )
        images_NP = np.zeros((len(lists), int(np.prod(shape))), np.uint8)
        damaged = {}
        for place, values in enumerate(lists):
            if values is None or len(values) != usual:
                damaged[place] = "there is no image" if values is None else f"{len(values)} pixels, most have {usual}"
            else:
                images_NP[place] = values
        return Pixels(images_NP.reshape(-1, *shape), damaged)


def _list(array: Any, place: int) -> NDArray[np.uint8] | None:
    # Through the buffer: `to_numpy` would import pandas.
    values = array[place].values
    if values is None:
        return None
    content: NDArray[np.uint8] = np.frombuffer(values.buffers()[1] or b"", np.uint8)
    return content[values.offset : values.offset + len(values)]


def _bytes(array: Any, place: int) -> bytes:
    content: bytes | None = array[place].as_py()
    if content is None:
        raise DataError("there is no image", "a PNG or JPEG file as bytes")
    return content


def _column(path: Path, pa: Any, schema: Any, wanted: str | None) -> str:
    fitting = [field.name for field in schema if _fits(pa, field.type)]
    usual = next((name for name in _USUAL if name in fitting), None)
    found = wanted or usual or (fitting[0] if len(fitting) == 1 else None)
    if found not in fitting:
        columns = ", ".join(f"{field.name} {field.type}" for field in schema)
        raise DataError(
            f"{path} has the columns {columns}{'' if wanted is None else f', and {wanted!r} has no images'}",
            f"a column of {_FORM}; one called image, the only one, or its name",
            "name the column: --set images=NAME",
        )
    return str(found)


def _fits(pa: Any, kind: Any) -> bool:
    types = pa.types
    if types.is_struct(kind):
        return any(field.name == "bytes" and _fits(pa, field.type) for field in kind)
    if types.is_binary(kind) or types.is_large_binary(kind):
        return True
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists and kind.value_type == pa.uint8())


def _shape_given(schema: Any, given: Shape | None) -> Shape | None:
    """The user's word, else what the file says of itself (as `data export` writes it)."""
    own = (schema.metadata or {}).get(b"shape")
    if given is not None or own is None:
        return given
    try:
        height, width, channels = (int(part) for part in own.decode().split(","))
    except ValueError:
        return None
    return height, width, channels


def _portions(file: Any, sizes: list[tuple[int, int]], column: _Column, first: int, size: int) -> Iterator[Portion]:
    """Portions end with their row group, so that groups that were read before can be left out whole."""
    row = 0
    for group, (rows, group_bytes) in enumerate(sizes):
        if row + rows > first:
            inside = row
            n = affordable(size, group_bytes // max(1, rows))
            for batch in file.iter_batches(batch_size=n, row_groups=[group], columns=[column.name]):
                array = batch.column(0)
                if inside >= first:
                    names = Numbered(f"{column.path.name} row", inside, len(array))
                    yield Portion(inside, names, partial(column.load, array))
                inside += len(array)
        row += rows
