"""The noun `data`: dataset versions listed, shown, compared, exported and removed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole import data, images, tracking
from pigeonhole.core.errors import UsageError
from pigeonhole.core.workspace import Workspace

WorkspaceLike = Workspace | str | Path | None


@dataclass(frozen=True)
class Sample:
    """One image of a dataset, to look at or to send."""

    dataset: str
    row: int
    label: str
    split: str
    drawing: str
    request: str

    @property
    def title(self) -> str:
        """What the drawing shows."""
        return f"{self.dataset} row {self.row}: labelled {self.label!r}, {self.split} split"

    def to_dict(self) -> dict[str, Any]:
        """The sample as JSON-ready values."""
        return asdict(self)


def dataset(ref: str, *, workspace: WorkspaceLike = None) -> data.Dataset:
    """The dataset version that `ref` names (`digits`, `digits:3`).

    Raises:
        NotFoundError: there is none of that name or version.
    """
    return data.open_dataset(Workspace.find(workspace), ref)


def list_datasets(*, workspace: WorkspaceLike = None) -> list[data.DatasetSummary]:
    """All dataset versions of the workspace."""
    return data.list_datasets(Workspace.find(workspace))


def sample(ref: str, row: int, *, scale: str = "0-255", workspace: WorkspaceLike = None) -> Sample:
    """One image as a terminal drawing and as the JSON body that asks an endpoint about it.

    Args:
        ref: the dataset.
        row: the image's row number, from 0.
        scale: `0-255` writes integers, `0-1` decimals.
        workspace: where to look.

    Raises:
        UsageError: the dataset has no such row.
    """
    found = dataset(ref, workspace=workspace)
    count = len(found.labels_N)
    if not 0 <= row < count:
        raise UsageError(f"row {row} of {found.ref}", f"0 to {count - 1}", "choose another --sample")
    image_HWC = np.asarray(found.images_NHWC[row])
    return Sample(
        found.ref,
        row,
        found.class_names[int(found.labels_N[row])],
        str(found.split_N[row]),
        images.terminal(image_HWC),
        data.request_body(image_HWC[None], scale=scale),
    )


def diff(old: str, new: str, *, workspace: WorkspaceLike = None) -> data.DatasetDiff:
    """What differs between two dataset versions."""
    space = Workspace.find(workspace)
    return data.diff(data.open_dataset(space, old), data.open_dataset(space, new))


def export(
    ref: str,
    *,
    to: str | Path,
    format: str = "npz",  # noqa: A002 - the word of the command line
    split: str | None = None,
    workspace: WorkspaceLike = None,
) -> Path:
    """Writes a dataset version as `npz`, `parquet`, `csv` or a `folder` of PNG files, and returns where."""
    return data.export(dataset(ref, workspace=workspace), Path(to), format, split)


def remove(ref: str, *, workspace: WorkspaceLike = None) -> str:
    """Removes a dataset version and returns its full name.

    Raises:
        ConflictError: a run or a model still needs it.
    """
    space = Workspace.find(workspace)
    found = data.open_dataset(space, ref)
    needed_by = [f"run {run.id}" for run in tracking.Runs(space).list() if run.record["dataset"] == found.ref]
    samples_of = [version for version in tracking.list_versions(space) if version.lineage.get("samples") == found.ref]
    needed_by += [f"model {version.ref}" for version in samples_of]
    data.remove(space, found.ref, needed_by)
    return found.ref
