"""A dataset version as files for others: npz, Parquet, CSV, a folder of PNG. Whole or absent, never over another file.

Axes: N images, H height, W width, C channels, P pixels times channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import ConflictError, DataError, UsageError
from pigeonhole.core.files import staged_folder
from pigeonhole.core.optional import require
from pigeonhole.data.dataset import Dataset
from pigeonhole.data.index import FILE
from pigeonhole.data.reading import SPLITS
from pigeonhole.images import png

BATCH_BYTES = 8 << 20
_NUMBERS = [str(value).encode() for value in range(256)]


@dataclass(frozen=True)
class _Job:
    dataset: Dataset
    rows: NDArray[np.int64]
    split: str | None


def export(dataset: Dataset, to: Path, format: str, split: str | None = None) -> Path:  # noqa: A002 - the user's word
    """Writes a dataset version in another form and returns where.

    `npz` has the arrays `images`, `labels`, `split`, `class_names` and, if there are groups, `groups`. `parquet` has
    a row an image, the pixels as a list in row, column, channel order, and shape and class names in the file's
    metadata. `csv` is Kaggle's form, which has no column for the split: export the splits one by one to keep them
    apart. `folder` is `SPLIT/CLASS/ROW.png`, or `CLASS/ROW.png` for one split.

    Args:
        dataset: what to write.
        to: the file, or the folder; must not be there yet.
        format: `npz`, `parquet`, `csv` or `folder`.
        split: only `train`, `validation` or `test`; `None` writes all rows in their order.

    Raises:
        UsageError: an unknown format or split.
        ConflictError: `to` is there already.
        DataError: the disk is full, or a class name cannot be a folder's name; nothing is left behind.
    """
    if format not in _WRITERS:
        raise UsageError(f"the format {format!r}", ", ".join(_WRITERS), "choose one of these")
    rows = np.arange(len(dataset)) if split is None else dataset.rows(split)
    to = to.expanduser()
    if to.exists():
        raise ConflictError(f"{to} is there already", "a name that is not taken", "choose another --to, or remove it")
    try:
        with staged_folder(to.absolute().parent) as staged:
            made = staged / "export"
            _WRITERS[format](_Job(dataset, rows, split), made)
            made.rename(to)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UsageError(f"{to}: {error.strerror}", "a place that can be written to", "choose another --to") from error
    return to


def _npz(job: _Job, path: Path) -> None:
    dataset, rows = job.dataset, job.rows
    arrays: dict[str, Any] = {
        "images": dataset.images_NHWC[rows],
        "labels": dataset.labels_N[rows],
        "split": dataset.split_N[rows],
        "class_names": np.array(dataset.class_names),
    }
    if dataset.groups_N is not None:
        arrays["groups"] = dataset.groups_N[rows]
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _batches(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    step = max(1, BATCH_BYTES // int(np.prod(dataset.shape_HWC)))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _parquet(job: _Job, path: Path) -> None:
    dataset, rows = job.dataset, job.rows
    pa, parquet = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
    with parquet.ParquetFile(dataset.folder / FILE) as stored:
        index = stored.read()
    names = pa.array(dataset.class_names)
    pixels = int(np.prod(dataset.shape_HWC))
    metadata = {"shape": ",".join(map(str, dataset.shape_HWC)), "class_names": "\n".join(dataset.class_names)}
    writer = None
    with path.open("wb") as file:
        for batch in _batches(dataset, rows) if len(rows) else [rows]:
            table = index.take(batch)
            images = pa.array(np.ascontiguousarray(dataset.images_NHWC[batch]).reshape(-1))
            table = table.add_column(2, "class", names.take(table.column("label")))
            table = table.append_column("image", pa.FixedSizeListArray.from_arrays(images, pixels))
            table = table.replace_schema_metadata(metadata)
            writer = writer or parquet.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _csv(job: _Job, path: Path) -> None:
    dataset, rows = job.dataset, job.rows
    pixels = int(np.prod(dataset.shape_HWC))
    labels = _csv_labels(dataset)
    with path.open("wb") as file:
        file.write(b",".join([b"label", *(f"pixel{place}".encode() for place in range(pixels))]) + b"\n")
        for batch in _batches(dataset, rows):
            images_NP = np.ascontiguousarray(dataset.images_NHWC[batch]).reshape(len(batch), pixels)
            for label, image in zip(dataset.labels_N[batch].tolist(), images_NP, strict=True):
                # Iterating bytes gives integers: three times as fast as a list of them.
                cells = b",".join([_NUMBERS[value] for value in image.tobytes()])
                file.write(b"%b,%b\n" % (labels[label], cells))


def _csv_labels(dataset: Dataset) -> list[bytes]:
    """What stands in the label column: the class names if they are numbers, else the classes' own numbers."""
    names = dataset.class_names
    if all(name.isascii() and name.isdigit() for name in names):
        return [name.encode() for name in names]
    return [str(number).encode() for number in range(len(names))]


def _folder(job: _Job, path: Path) -> None:
    dataset, rows = job.dataset, job.rows
    for name in dataset.class_names:
        if "/" in name or "\0" in name or name.startswith("."):
            raise DataError(
                f"the class {name!r} as a folder", "names without '/' that do not begin with '.'", "export as npz"
            )
    path.mkdir()
    digits = len(str(max(1, len(dataset) - 1)))
    splits = dataset.split_N
    for part in (job.split,) if job.split else SPLITS:
        inside = rows[splits[rows] == part]
        parent = path if job.split else path / part
        for row in inside.tolist():
            target = parent / dataset.class_names[int(dataset.labels_N[row])]
            target.mkdir(parents=True, exist_ok=True)
            (target / f"{row:0{digits}}.png").write_bytes(png(dataset.images_NHWC[row]))


_WRITERS: dict[str, Callable[[_Job, Path], None]] = {
    "npz": _npz,
    "parquet": _parquet,
    "csv": _csv,
    "folder": _folder,
}
