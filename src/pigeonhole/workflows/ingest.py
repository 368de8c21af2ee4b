"""`ingest`: a source of labelled images in, a Dataset version out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pigeonhole import data, images
from pigeonhole.core.progress import Progress, Silent
from pigeonhole.core.workspace import Workspace


def ingest(
    source: str | Path,
    *,
    name: str,
    test: float | None = None,
    validation: float = 0.1,
    seed: int = 0,
    groups: str | Path | Sequence[str | Path] | None = None,
    group_by: str | None = None,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    shape: images.Shape | None = None,
    workspace: Workspace | str | Path | None = None,
    progress: Progress | None = None,
) -> data.IngestResult:
    """A Dataset version made from `source`, or the one that already holds the same content.

    Args:
        source: a named set (`mnist`, `mnist-5k`), or the path of an IDX pair, a CSV in Kaggle's form, or a
            folder of images.
        name: what to call the dataset.
        test: share of the images locked away as test split; `None` keeps the source's own test split, or takes
            0.1 of a source that has none; 0 makes no test split.
        validation: share of what is not test.
        seed: decides which images go where.
        groups: a CSV file with a row an image, or several, in the order of the source (training images first).
        group_by: the column of `groups` whose equal values stay on one side of every split.
        label: the label column of a CSV source; `None` means `label`.
        classes: class names for sources that number them.
        shape: height, width and channels of a CSV source's images, where its header does not tell.
        workspace: where to keep it; `None` as on the command line.
        progress: where to say how far it is.

    Raises:
        DataError: the source cannot be used; nothing was written.
    """
    return data.ingest(
        Workspace.find(workspace),
        str(source),
        name=name,
        test=test,
        validation=validation,
        seed=seed,
        groups=_paths(groups),
        group_by=group_by,
        label=label,
        classes=classes,
        shape=shape,
        progress=progress or Silent(),
    )


def _paths(groups: str | Path | Sequence[str | Path] | None) -> list[Path] | None:
    if groups is None:
        return None
    return [Path(groups)] if isinstance(groups, str | Path) else [Path(path) for path in groups]
