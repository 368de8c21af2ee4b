"""`register`: an evaluated Run in, a Model version out. The gates to the registry live here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pigeonhole import data, export, images, scripts, tracking
from pigeonhole.core.errors import GateError, NotFoundError, UsageError
from pigeonhole.core.files import staged_folder
from pigeonhole.core.workspace import Workspace, check_name
from pigeonhole.workflows.evaluate import Report, read_report
from pigeonhole.workflows.exporting import VERIFICATION_IMAGES, dataset_of, export_run, verification_rows
from pigeonhole.workflows.runs import find_run

WorkspaceLike = Workspace | str | Path | None


def register(
    run: str, *, name: str, min_accuracy: float | None = None, workspace: WorkspaceLike = None
) -> tracking.ModelVersion:
    """A registered version of an evaluated run, as a bundle verified against the trained model.

    Args:
        run: the run's id, its unique beginning, or `latest`.
        name: the model's name; its first version becomes `champion`, later ones `challenger`.
        min_accuracy: the least accuracy, 0 to 1, on the split that `evaluate` scored; `None` asks for none.
        workspace: where the run is and the registry.

    Raises:
        NotFoundError: there is no such run.
        GateError: the run was not evaluated, is below `min_accuracy`, or its export did not verify.
    """
    check_name(name, "model")
    space = Workspace.find(workspace)
    found = find_run(space, run)
    report = _require_evaluation(found, space)
    _require_accuracy(report, min_accuracy)
    with tracking.Runs(space).write(found.id) as writing:
        export_run(writing, dataset_of(space, writing))
        metrics = {
            "split": report.split,
            "accuracy": report.accuracy.value,
            "accuracy_low": report.accuracy.low,
            "accuracy_high": report.accuracy.high,
            "n": report.n,
            "verified_images": writing.metrics["verified_images"],
        }
        return tracking.register(space, writing.bundle, name=name, run_id=writing.id, metrics=metrics)


def register_onnx(
    file: str | Path,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    samples: str | Path,
    scale: Literal["0-1", "0-255"] | None = None,
    layout: Literal["NHWC", "NCHW", "flat"] | None = None,
    workspace: WorkspaceLike = None,
) -> tracking.ModelVersion:
    """A registered version of an ONNX file made elsewhere.

    Args:
        file: the ONNX file; its input takes a batch of images, an output gives probabilities or logits.
        name: the model's name.
        labels: the class names, in the order of the model's output; `None` takes those of the dataset `samples`.
        samples: images such as the model was made for: a dataset, or a folder of image files.
        scale: the range of brightness that a model with float input wants; `None` finds out with labelled samples.
        layout: the order of its input's axes; `None` takes it from the input's shape.
        workspace: where the dataset is and the registry.

    Raises:
        UsageError: no labels, where the samples have none.
        DataError: the file is no ONNX model, or does not fit the labels or the samples.
        SpecError: scale or layout cannot be told; the message says what to pass.
    """
    check_name(name, "model")
    if not Path(file).is_file():
        raise NotFoundError(f"no file {file}", "an ONNX file", "check the path")
    space = Workspace.find(workspace)
    found = _samples(space, samples)
    class_names = tuple(labels) if labels else found.class_names
    if class_names is None:
        raise UsageError(
            f"{file} without labels", "the class names, in the order of the model's output", "add --labels A,B,C"
        )
    with staged_folder(space.folder("imports")) as staged:
        export.import_onnx(
            Path(file),
            labels=class_names,
            sample_images_NHWC=found.images_NHWC,
            sample_labels_N=_in_model_order(found, class_names),
            folder=staged / "bundle",
            lineage={"file": Path(file).name, "samples": found.name},
            scale=scale,
            layout=layout,
        )
        return tracking.register(space, staged / "bundle", name=name)


def register_script(folder: str | Path, *, name: str, workspace: WorkspaceLike = None) -> tracking.ModelVersion:
    """A registered version of a folder with a score.py, as Azure ML's tutorials write it: init() and run().

    Nothing of it is run. The folder is copied whole; its script is started when it is served or deployed, with the
    copy as AZUREML_MODEL_DIR.

    Args:
        folder: the folder with score.py, and whatever it needs: weights, modules.
        name: the model's name; its first version becomes `champion`, later ones `challenger`.
        workspace: where the registry is.

    Raises:
        NotFoundError: there is no such folder, or no score.py in it.
        DataError: score.py is no Python, or lacks init() or run(); or the folder holds what cannot be copied.
    """
    check_name(name, "model")
    space = Workspace.find(workspace)
    with staged_folder(space.folder("imports")) as staged:
        scripts.write(Path(folder), staged)
        return tracking.register_script(space, staged, name=name)


@dataclass(frozen=True)
class _Samples:
    name: str
    images_NHWC: npt.NDArray[np.uint8]
    labels_N: npt.NDArray[np.int64] | None = None
    class_names: tuple[str, ...] | None = None


def _samples(space: Workspace, samples: str | Path) -> _Samples:
    folder = Path(samples)
    try:
        source = data.open_dataset(space, str(samples))
    except UsageError:
        if not folder.is_dir():
            raise
        return _Samples(str(folder), images.read_folder(folder, VERIFICATION_IMAGES))
    rows = verification_rows(source, seed=0)
    return _Samples(source.ref, source.images_NHWC[rows], source.labels_N[rows], source.class_names)


def _in_model_order(samples: _Samples, class_names: tuple[str, ...]) -> npt.NDArray[np.int64] | None:
    """The samples' labels as the model numbers its classes.

    Raises:
        UsageError: the samples have classes that the model does not name.
    """
    if samples.labels_N is None or samples.class_names is None:
        return None
    unknown = [name for name in samples.class_names if name not in class_names]
    if unknown:
        raise UsageError(
            f"the labels {', '.join(class_names)} lack {', '.join(unknown)}, which {samples.name} has",
            f"a label for each class of the samples: {', '.join(samples.class_names)}",
            "correct --labels, or choose other --samples",
        )
    order_K = np.array([class_names.index(name) for name in samples.class_names], np.int64)
    labels_N: npt.NDArray[np.int64] = order_K[samples.labels_N]
    return labels_N


def _require_evaluation(run: tracking.Run, space: Workspace) -> Report:
    if not run.finished:
        raise GateError(f"run {run.id} is {run.status}", "a finished, evaluated run", f"run again: {run.command()}")
    try:
        return read_report(run.id, workspace=space)
    except NotFoundError as error:
        raise GateError(
            f"run {run.id} was not evaluated", "an evaluated run", f"pigeonhole evaluate {run.id}"
        ) from error


def _require_accuracy(report: Report, least: float | None) -> None:
    if least is not None and report.accuracy.value < least:
        raise GateError(
            f"run {report.run_id} has {report.accuracy.value:.2%} {report.split} accuracy",
            f"at least {least:.2%}",
            "train a better model, or lower --min-accuracy",
        )
