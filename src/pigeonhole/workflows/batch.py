"""`batch`: a model over a whole place of images, one file of predictions out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.batch import BatchOptions, BatchResult, finished, run
from pigeonhole.bundle import read_manifest
from pigeonhole.core.progress import Progress
from pigeonhole.core.spec import validate
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.bundles import bundle_folder


def batch(
    model: str | Path,
    source: str | Path,
    *,
    out: str | Path,
    options: Mapping[str, Any] | None = None,
    workspace: Workspace | str | Path | None = None,
    progress: Progress | None = None,
) -> BatchResult:
    """Predictions for every image of a source, in one file. The same call again goes on after an interruption.

    Args:
        model: a registered model, or the folder of a bundle.
        source: a named set (`mnist`), or the path of an IDX, `.npy`, `.npz`, CSV, Parquet, PNG, JPEG or zip file, or
            of a folder of images. Labels are not needed, and are left alone.
        out: the file to write. `OUT.json` beside it records the job.
        options: the fields of `BatchOptions`, such as `{"mini_batch_size": 1000, "format": "kaggle"}`.
        workspace: where the model is registered; not looked for where `model` is a folder.
        progress: where to say how far it is.

    Raises:
        SpecError: an option is wrong.
        ConflictError: `out` is another file, or another process works on it.
        DataError: the images cannot be read, none could be predicted, or more failed than may.
    """
    chosen = validate(BatchOptions, dict(options or {}), "the options of batch")
    folder, name = bundle_folder(model, workspace)
    return run(folder, str(source), Path(out), chosen, model=name, progress=progress)


def still_stands(
    model: str | Path, out: str | Path, *, workspace: Workspace | str | Path | None = None
) -> BatchResult | None:
    """The result of the job that made `out`, if the file is as it was written and the model is what it was.

    Raises:
        NotFoundError: there is no such model any more.
    """
    done = finished(Path(out))
    folder, _ = bundle_folder(model, workspace)
    return done if done is not None and done.bundle_sha256 == read_manifest(folder)["sha256"] else None
