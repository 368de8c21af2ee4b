"""The files of predictions: Parquet, CSV with a header, Azure's append_row, Kaggle's submission. Decides nothing.

Axes: N images, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pigeonhole.batch.outcome import Outcome
from pigeonhole.core.optional import require
from pigeonhole.data.columns import numbers, texts

ROW_GROUP = 1 << 16


class Writer(Protocol):
    """Writes outcomes in the order of rows into one new file."""

    def write(self, outcome: Outcome) -> None:
        """Adds the next rows."""

    def close(self) -> None:
        """Ends the file; nothing else may follow."""


def writer_of(
    kind: str, path: Path, class_names: Sequence[str], *, separator: str = ",", facts: Mapping[str, Any] | None = None
) -> Writer:
    """The writer of a format.

    Args:
        kind: one of `FORMATS`.
        path: a new file.
        class_names: K of them.
        separator: of `append_row`.
        facts: where the predictions come from, kept in a Parquet file's metadata.
    """
    if kind == "parquet":
        return ParquetWriter(path, class_names, facts or {})
    if kind == "csv":
        return CsvWriter(path, class_names)
    if kind == "append_row":
        return AppendRowWriter(path, class_names, separator)
    return KaggleWriter(path, class_names)


class ParquetWriter:
    """row, image, label, probability, a column of probabilities for each class, error. Nulls where an image failed."""

    def __init__(self, path: Path, class_names: Sequence[str], facts: Mapping[str, Any]) -> None:
        self._pa = require("pyarrow", extra="data")
        self._parquet = require("pyarrow.parquet", extra="data")
        self._names = list(class_names)
        self._metadata = {"format": "pigeonhole-predictions", "format_version": "1", "batch": json.dumps(dict(facts))}
        self._file = path.open("wb")
        self._writer: Any = None
        self._waiting: list[Outcome] = []
        self._rows = 0

    def write(self, outcome: Outcome) -> None:
        """See `Writer`."""
        self._waiting.append(outcome)
        self._rows += len(outcome)
        if self._rows >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        table = self._table(self._waiting)
        self._writer = self._writer or self._parquet.ParquetWriter(
            self._file, table.schema, compression="zstd", use_dictionary=["label", "error"]
        )
        self._writer.write_table(table)
        self._waiting, self._rows = [], 0

    def _table(self, outcomes: Sequence[Outcome]) -> Any:
        pa = self._pa
        probs_NK = np.concatenate([outcome.probs_NK for outcome in outcomes])
        labels_N = np.concatenate([outcome.labels_N for outcome in outcomes])
        images = [name for outcome in outcomes for name in outcome.names]
        right_N = labels_N >= 0
        columns = {
            "row": numbers(pa, "int64", np.arange(outcomes[0].start, outcomes[0].start + len(labels_N))),
            "image": texts(pa, images),
            "label": texts(pa, self._names).take(numbers(pa, "int32", labels_N, right_N)),
            "probability": numbers(pa, "float32", probs_NK.max(axis=1), right_N),
        }
        for k, name in enumerate(self._names):
            columns[f"probability_{name}"] = numbers(pa, "float32", probs_NK[:, k], right_N)
        columns["error"] = self._errors(outcomes, right_N)
        return pa.table(columns, metadata=self._metadata)

    def _errors(self, outcomes: Sequence[Outcome], right_N: NDArray[np.bool_]) -> Any:
        if right_N.all():
            return self._pa.nulls(len(right_N), self._pa.large_string())
        found = [outcome.failed.get(place, "") for outcome in outcomes for place in range(len(outcome))]
        return texts(self._pa, found, ~right_N)

    def close(self) -> None:
        """See `Writer`."""
        if self._waiting:
            self._flush()
        if self._writer is not None:
            self._writer.close()
        self._file.close()


class _TextWriter:
    """Lines of text with columns."""

    def __init__(self, path: Path, separator: str = ",") -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._separator = separator

    def _line(self, cells: Sequence[str]) -> None:
        self._file.write(self._separator.join([quoted(cell, self._separator) for cell in cells]) + "\n")

    def close(self) -> None:
        """See `Writer`."""
        self._file.close()


class CsvWriter(_TextWriter):
    """The columns of `ParquetWriter` with a header; cells are empty where an image failed."""

    def __init__(self, path: Path, class_names: Sequence[str]) -> None:
        super().__init__(path)
        self._names = [quoted(name, ",") for name in class_names]
        self._numbers = ",".join(["%.6f"] * (1 + len(class_names)))
        probabilities = [f"probability_{name}" for name in class_names]
        self._line(["row", "image", "label", "probability", *probabilities, "error"])

    def write(self, outcome: Outcome) -> None:
        """See `Writer`."""
        lines = []
        rows = np.column_stack([outcome.probs_NK.max(axis=1), outcome.probs_NK]).tolist()
        nothing = "," * len(self._names)
        for place, (name, label, values) in enumerate(zip(outcome.names, outcome.labels_N.tolist(), rows, strict=True)):
            start = f"{outcome.start + place},{quoted(name, ',')}"
            if label < 0:
                lines.append(f"{start},,{nothing},{quoted(outcome.failed[place], ',')}\n")
            else:
                lines.append(f"{start},{self._names[label]},{self._numbers % tuple(values)},\n")
        self._file.write("".join(lines))


class AppendRowWriter(_TextWriter):
    """`row,prediction,file` of each success, without a header: what Azure's batch deployments of MLflow models append.

    With a space for separator it is the file that Azure's MNIST notebook reads with `sep=" ", header=None`.
    """

    def __init__(self, path: Path, class_names: Sequence[str], separator: str) -> None:
        super().__init__(path, separator)
        self._names = list(class_names)

    def write(self, outcome: Outcome) -> None:
        """See `Writer`."""
        for place, (name, label) in enumerate(zip(outcome.names, outcome.labels_N.tolist(), strict=True)):
            if label >= 0:
                self._line([str(outcome.start + place), self._names[label], name])


class KaggleWriter(_TextWriter):
    """`ImageId,Label`, the first image being number 1."""

    def __init__(self, path: Path, class_names: Sequence[str]) -> None:
        super().__init__(path)
        self._names = list(class_names)
        self._line(["ImageId", "Label"])

    def write(self, outcome: Outcome) -> None:
        """See `Writer`."""
        for number, label in enumerate(outcome.labels_N.tolist(), outcome.start + 1):
            self._line([str(number), self._names[label]])


class FailureWriter(_TextWriter):
    """`row,image,error` of each failure, with a header."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._line(["row", "image", "error"])

    def write(self, outcome: Outcome) -> None:
        """See `Writer`."""
        for place, text in sorted(outcome.failed.items()):
            self._line([str(outcome.start + place), outcome.names[place], text])


def quoted(text: str, separator: str) -> str:
    """The text as a cell, in quotes where it would be misread without."""
    if separator in text or '"' in text or "\n" in text or "\r" in text or (not text and separator != ","):
        return '"' + text.replace('"', '""') + '"'
    return text
