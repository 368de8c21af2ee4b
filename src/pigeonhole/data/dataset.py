"""A dataset version, opened: images as a memory map, labels, splits, groups. Reads only; ingest writes.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.core.files import read_json
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import looks
from pigeonhole.data.image_file import open_images
from pigeonhole.data.index import read_column
from pigeonhole.data.reading import SPLITS
from pigeonhole.images import Shape

FORMAT = "pigeonhole-dataset"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"


class Part:
    """One split: its rows, their labels and groups, and their images once they are asked for."""

    def __init__(self, dataset: Dataset, rows: NDArray[np.int64]) -> None:
        self.rows = rows
        self.labels_N = dataset.labels_N[rows]
        self.groups_N = None if dataset.groups_N is None else dataset.groups_N[rows]
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def images_NHWC(self) -> NDArray[np.uint8]:
        """The images, uint8: a view of the memory map if the rows are consecutive, else gathered into memory."""
        images = self._dataset.images_NHWC
        if len(self.rows) and self.rows[-1] - self.rows[0] + 1 == len(self.rows):
            return images[self.rows[0] : self.rows[-1] + 1]
        return images[self.rows]


class Dataset:
    """One version of a dataset.

    Args:
        workspace: where it is kept.
        folder: its own folder.

    Raises:
        DataError: the folder is damaged.
        UsageError: it was written by a later release.
    """

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = read_manifest(folder)
        self.name: str = self.manifest["name"]
        self.version: int = self.manifest["version"]
        self.sha256: str = self.manifest["sha256"]
        self.class_names: tuple[str, ...] = tuple(self.manifest["class_names"])
        self.shape_HWC = cast("Shape", tuple(self.manifest["shape"]))
        self._workspace = workspace

    def __repr__(self) -> str:
        return f"Dataset({self.ref!r}, {len(self):,} images of {'×'.join(map(str, self.shape_HWC))})"

    def __len__(self) -> int:
        return int(self.manifest["count"])

    @property
    def ref(self) -> str:
        """Its full name, `digits:3`."""
        return f"{self.name}:{self.version}"

    @cached_property
    def images_NHWC(self) -> NDArray[np.uint8]:
        """All images, uint8, as a read-only memory map; a row's number is its id."""
        return open_images(self.folder, (len(self), *self.shape_HWC))

    @cached_property
    def labels_N(self) -> NDArray[np.int64]:
        """The class of each image, 0 … K-1."""
        return np.asarray(self._column("label"), dtype=np.int64)

    @cached_property
    def split_N(self) -> NDArray[np.str_]:
        """`train`, `validation` or `test` for each image."""
        return np.asarray(self._column("split"), dtype=np.str_)

    @cached_property
    def groups_N(self) -> NDArray[np.str_] | None:
        """The group of each image, an empty text for none; `None` if the dataset has no groups."""
        if self.manifest["split"]["group_by"] is None:
            return None
        return np.array([group or "" for group in self._column("group")], dtype=np.str_)

    @cached_property
    def origins(self) -> list[str]:
        """Where each image came from (`train.csv row 7`, `train/cat/1.png`)."""
        return [str(origin) for origin in self._column("source")]

    @cached_property
    def image_sha256(self) -> list[str]:
        """The SHA-256 of each image's pixels, as 64 hex digits."""
        return [str(digest) for digest in self._column("sha256")]

    def rows(self, split: str) -> NDArray[np.int64]:
        """The row numbers of one split, ascending.

        Raises:
            UsageError: there is no split of that name.
        """
        if split not in SPLITS:
            raise UsageError(f"the split {split!r}", ", ".join(SPLITS), "choose one of these")
        return np.flatnonzero(self.split_N == split)

    @cached_property
    def train(self) -> Part:
        """The images to train with."""
        return Part(self, self.rows("train"))

    @cached_property
    def validation(self) -> Part:
        """The images to choose with; may be empty."""
        return Part(self, self.rows("validation"))

    @property
    def without_test(self) -> bool:
        """Whether there is no test split, so that every figure is one of validation."""
        return int(self.manifest["splits"]["test"]) == 0

    def test(self, looker: str, why: str) -> Part:
        """The locked test images. Each call is counted and dated in the workspace's records.

        Args:
            looker: who looks: a run id, a command.
            why: what for, in a few words.

        Raises:
            UsageError: there is no test split.
        """
        if self.without_test:
            raise UsageError(
                f"{self.ref} has no test split", "a dataset with one", "ingest it without --test 0, or use validation"
            )
        looks.record_look(self._workspace.database, self.name, self.version, self.sha256, looker, why)
        return Part(self, self.rows("test"))

    def test_looks(self) -> list[dict[str, Any]]:
        """Every look at the test split so far, oldest first: `looker`, `why`, `looked_at`."""
        return looks.looks_at(self._workspace.database, self.name, self.version)

    def to_dict(self) -> dict[str, Any]:
        """The version's facts as JSON-ready values."""
        manifest = self.manifest
        return {
            "dataset": self.ref,
            "name": self.name,
            "version": self.version,
            "title": manifest["title"],
            "images": len(self),
            "shape": list(self.shape_HWC),
            "class_names": list(self.class_names),
            "class_counts": manifest["class_counts"],
            "splits": manifest["splits"],
            "split": manifest["split"],
            "groups": manifest["split"]["group_by"],
            "source": manifest["source"]["location"],
            "warnings": manifest["warnings"],
            "test_looks": len(self.test_looks()),
            "created_at": manifest["created_at"],
            "sha256": self.sha256,
            "folder": str(self.folder),
        }

    def _column(self, name: str) -> Any:
        values = read_column(self.folder, name)
        if len(values) != len(self):
            raise _damaged(self.folder, f"the index has {len(values):,} rows, the manifest says {len(self):,}")
        return values


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the dataset version in `folder`.

    Raises:
        DataError: it is missing or not a dataset's.
        UsageError: it was written by a later release.
    """
    try:
        manifest = read_json(folder / MANIFEST)
    except (OSError, ValueError) as error:
        raise _damaged(folder, str(error)) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _damaged(folder, f"{MANIFEST} is not of the format {FORMAT}")
    if manifest["format_version"] > FORMAT_VERSION:
        raise UsageError(
            f"{folder} has format version {manifest['format_version']}",
            f"format versions up to {FORMAT_VERSION}",
            "use the pigeonhole release that wrote it, or a later one",
        )
    return manifest


def _damaged(folder: Path, what: str) -> DataError:
    return DataError(
        f"{folder} is damaged: {what}", "the files that ingest wrote", "remove this dataset version and ingest it again"
    )
