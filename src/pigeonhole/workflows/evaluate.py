"""`evaluate`: a finished Run in, every figure and picture out. The one place that scores the locked test split."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pigeonhole import bundle, data, evaluation, models, reports, scripts, tracking
from pigeonhole.core.errors import GateError, MissingDependencyError, NotFoundError, PigeonholeError, UsageError
from pigeonhole.core.files import read_json, write_json
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.bundles import served_folder
from pigeonhole.workflows.exporting import dataset_of, export_run
from pigeonhole.workflows.runs import find_run

FILE = "evaluation.json"


class _Scorer(Protocol):
    def __call__(self, images_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...


@dataclass(frozen=True)
class Report:
    """What a run is worth, on images that nothing was chosen by.

    Attributes:
        split: `test`, or `validation` where the dataset has no test split.
        figures: the evaluation, as JSON-ready values.
        pictures: the files that explain it.
        test_looks: how often the dataset's test split has been scored, this time included.
    """

    run_id: str
    dataset: str
    split: str
    figures: dict[str, Any]
    pictures: tuple[str, ...]
    test_looks: int

    @property
    def n(self) -> int:
        """How many images were scored."""
        return int(self.figures["n"])

    @property
    def accuracy(self) -> Accuracy:
        """The share of images with the right label, with its 95% interval."""
        return Accuracy(**self.figures["accuracy"])

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values."""
        return {
            "run_id": self.run_id,
            "dataset": self.dataset,
            "split": self.split,
            "test_looks": self.test_looks,
            **self.figures,
            "pictures": list(self.pictures),
        }


@dataclass(frozen=True)
class Accuracy:
    """A share with its 95% interval (Wilson)."""

    value: float
    low: float
    high: float


def evaluate(run: str, *, workspace: Workspace | str | Path | None = None) -> Report:
    """Scores a finished run on the locked test split; the look is counted and dated in the dataset's record.

    Args:
        run: the run's id, its unique beginning, or `latest`.
        workspace: where the run is.

    Raises:
        NotFoundError: there is no such run.
        UsageError: it is a script of somebody's own, which cannot be evaluated.
        GateError: the run is not finished.
        ConflictError: another process writes the run.
    """
    space = Workspace.find(workspace)
    found = _found(space, run)
    if not found.finished:
        raise GateError(f"run {found.id} is {found.status}", "a finished run", f"finish it with: {found.command()}")
    with tracking.Runs(space).write(found.id) as writing:
        source = dataset_of(space, writing)
        score = _scorer(writing, source)
        split, part = _locked_part(source, writing)
        probs_NK = score(part.images_NHWC)
        figures = evaluation.evaluate(part.labels_N, probs_NK, source.class_names, _groups(part))
        writing.save_array("evaluated_probs", probs_NK)
        writing.save_array("evaluated_labels", part.labels_N)
        pictures = _draw(writing, figures, part, probs_NK, source)
        report = Report(
            writing.id, source.ref, split, figures.to_dict(), tuple(map(str, pictures)), len(source.test_looks())
        )
        write_json(writing.evaluation / FILE, report.to_dict())
        writing.add_metrics(_metrics(split, figures))
        _mirror(space, writing)
    return report


def read_report(run: str, *, workspace: Workspace | str | Path | None = None) -> Report:
    """The report of a run that was evaluated before; no look at the test split.

    Raises:
        NotFoundError: there is no such run, or it was not evaluated.
    """
    found = find_run(Workspace.find(workspace), run)
    path = found.evaluation / FILE
    if not path.is_file():
        raise NotFoundError(f"an evaluation of run {found.id}", "an evaluated run", f"pigeonhole evaluate {found.id}")
    kept = read_json(path)
    own = {name: kept.pop(name) for name in ("run_id", "dataset", "split", "pictures", "test_looks")}
    return Report(own["run_id"], own["dataset"], own["split"], kept, tuple(own["pictures"]), own["test_looks"])


def _found(space: Workspace, ref: str) -> tracking.Run:
    """The run; where there is none, a name that a script has is not taken for that of a run with a slip in it."""
    try:
        return find_run(space, ref)
    except (NotFoundError, UsageError):
        name = _script(space, ref)
        if name is None:
            raise
    raise UsageError(
        f"{name}, which is a script of its own (score.py) and cannot be evaluated",
        "a run: what a script takes and answers, only the script knows",
        "pigeonhole runs list shows the runs; a script can be served and deployed",
    )


def _script(space: Workspace, ref: str) -> str | None:
    """The full name of the script that is meant; `None` where it is none."""
    with contextlib.suppress(PigeonholeError):
        folder, name = served_folder(ref, space)
        return name if scripts.is_script(folder) else None
    return None


def _scorer(run: tracking.Run, source: data.Dataset) -> _Scorer:
    """The trained model itself where its weights are in the run, else the verified bundle."""
    if run.record["spec"]["kind"] == "network":
        return models.load(run.training).probabilities
    loaded = export_run(run, source) if run.record["spec"]["kind"] == tracking.SCRIPT else bundle.load(run.bundle)
    return lambda images_NHWC: loaded.predict(images_NHWC).probs_NK


def _locked_part(source: data.Dataset, run: tracking.Run) -> tuple[str, data.Part]:
    if source.without_test:
        if not len(source.validation):
            raise GateError(
                f"{source.ref} has neither test nor validation images",
                "a dataset with images that nothing was trained on",
                f"ingest it again without --test 0 or --validation 0, then: {run.command()}",
            )
        return "validation", source.validation
    return "test", source.test(run.id, "evaluate")


def _groups(part: data.Part) -> npt.NDArray[Any] | None:
    """The group of each image; `None` where none of these images has one (groups may be known for training only)."""
    return part.groups_N if part.groups_N is not None and (part.groups_N != "").any() else None


def _draw(
    run: tracking.Run,
    figures: evaluation.Evaluation,
    part: data.Part,
    probs_NK: npt.NDArray[np.float32],
    source: data.Dataset,
) -> list[Path]:
    """The pictures; of the charts none where the package for charts is not installed, which the record then says."""
    folder = run.evaluation
    shown = evaluation.rows_to_show(part.labels_N, probs_NK)
    pictures = [
        reports.predictions_grid(
            part.images_NHWC[shown],
            part.labels_N[shown],
            probs_NK[shown].argmax(axis=1),
            probs_NK[shown].max(axis=1),
            source.class_names,
            folder / "predictions.png",
            mistakes=figures.errors,
            total=figures.n,
        )
    ]
    values = figures.to_dict()
    try:
        pictures += reports.confusion_charts(values, folder)
        pictures += reports.calibration_chart(values, folder)
        pictures += reports.group_accuracy(values, folder, group_name=source.manifest["split"]["group_by"] or "group")
    except MissingDependencyError as error:
        run.update(plots_skipped=str(error))
    return pictures


def _metrics(split: str, figures: evaluation.Evaluation) -> dict[str, Any]:
    values = figures.to_dict()
    kept = {
        "accuracy": values["accuracy"]["value"],
        "accuracy_low": values["accuracy"]["low"],
        "accuracy_high": values["accuracy"]["high"],
        "macro_f1": values["f1"]["macro"],
        "auc_weighted": values["auc_weighted"],
        "log_loss": values["log_loss"],
        "calibration_error": values["calibration_error"],
    }
    # `validation_accuracy` is the training's own; a dataset without test split must not overwrite it.
    prefix = "test" if split == "test" else "evaluated_validation"
    return {f"{prefix}_{name}": value for name, value in kept.items() if value is not None}


def _mirror(space: Workspace, run: tracking.Run) -> None:
    try:
        tracking.sync(space, run)
    except MissingDependencyError as error:
        run.update(mirror_skipped=str(error))
