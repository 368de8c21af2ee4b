"""`train`: a Dataset version in, a finished Run out. Never opens the test split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from pigeonhole import data, models, reports, tracking
from pigeonhole.core.errors import MissingDependencyError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.exporting import export_run, verification_rows
from pigeonhole.workflows.runs import RunSummary, describe, find_run


class TrainingView(Protocol):
    """Whoever watches a training: a terminal, a notebook, nobody."""

    def on_start(self, facts: dict[str, Any]) -> None:
        """The device, number type, threads and the number of parameters are known."""

    def on_epoch(self, record: dict[str, Any]) -> None:
        """An epoch ended; the record has losses, accuracies, images/s and seconds left."""


def train(
    dataset: str,
    *,
    model: str = "cnn",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    resume_from: str | None = None,
    workspace: Workspace | str | Path | None = None,
    view: TrainingView | None = None,
) -> RunSummary:
    """A finished run. The same call again goes on with a run that was interrupted, to the same weights.

    Args:
        dataset: the dataset (`mnist`, `mnist:1`).
        model: a preset's key, or the path of a YAML file of the same form.
        settings: the preset's parameters, and fields of its training.
        seed: the one number from which all randomness follows.
        resume_from: `RUN` or `RUN:EPOCH`, another run whose checkpoint to start from.
        workspace: where the dataset is and the run goes.
        view: told of the start and of every epoch.

    Raises:
        NotFoundError: there is no such dataset, preset or run.
        SpecError: the settings are wrong, all problems at once.
        ConflictError: another process is training this very run.
        TrainingError: training cannot go on; what was finished stays.
    """
    space = Workspace.find(workspace)
    source = data.open_dataset(space, dataset)
    spec = models.resolve(model, settings or {})
    if spec.kind == "network":
        # Layers that do not fit are told before there is a run.
        models.summarize(spec, source.shape_HWC, len(source.class_names))
    parent, start_from = _start(space, resume_from)
    run = tracking.Runs(space).start_or_continue(
        spec.to_dict(),
        model=model,
        dataset=source.ref,
        dataset_sha256=source.sha256,
        seed=seed,
        settings=settings,
        parent=parent,
    )
    with _Recorder(space, run, view) as recorder, run:
        trained = models.fit(
            spec,
            training_data(source, spec.kind),
            seed=seed,
            folder=run.training,
            observer=recorder,
            start_from=start_from,
        )
        _keep_probabilities(run, source, trained)
        run.add_metrics(_metrics(trained))
        if trained.kind == "estimator":
            # Exported while it is in memory, so that no run folder ever holds a pickle.
            export_run(run, source, trained)
        recorder.draw()
        run.finish({})
        recorder.close()
        # Only now is nothing left to do: until then the same line goes on with this run.
        run.settle()
    return describe(run)


def _start(space: Workspace, resume_from: str | None) -> tuple[str | None, Path | None]:
    if resume_from is None:
        return None, None
    ref, colon, epoch = resume_from.partition(":")
    if colon and not epoch.isdigit():
        raise UsageError(f"--resume-from {resume_from!r}", "RUN or RUN:EPOCH", "give the epoch as a whole number")
    run = find_run(space, ref)
    return f"{run.id}{colon}{epoch}", models.checkpoint_path(run.training, int(epoch) if epoch else None)


def training_data(source: data.Dataset, kind: str) -> models.TrainingData:
    """The splits of a dataset that a model of that kind (`network`, `estimator`) may see."""
    train, validation = source.train, source.validation

    def images(part: data.Part) -> Any:
        # A network takes its images batch by batch, so a large part need never be in memory whole.
        return models.select(source.images_NHWC, part.rows) if kind == "network" else part.images_NHWC

    return models.TrainingData(
        images(train),
        train.labels_N,
        images(validation) if len(validation) else None,
        validation.labels_N if len(validation) else None,
        source.class_names,
    )


def _keep_probabilities(run: tracking.Run, source: data.Dataset, trained: models.Trained) -> None:
    """Keeps the trained model's own fp32 probabilities: for verifying an export, and for calibration."""
    rows = verification_rows(source, int(run.record["seed"]))
    run.save_array("verification_rows", rows)
    run.save_array("verification_probs", trained.probabilities(source.images_NHWC[rows]))
    if len(source.validation):
        run.save_array("validation_probs", trained.probabilities(source.validation.images_NHWC))


def _metrics(trained: models.Trained) -> dict[str, Any]:
    kept_epoch = trained.facts.get("kept_epoch", trained.facts.get("best_epoch"))
    chosen = next((record for record in trained.history if record["epoch"] == kept_epoch), trained.history[-1])
    kept = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    figures = {name: chosen[name] for name in kept if chosen.get(name) is not None}
    names = ("seconds", "images_per_s", "peak_memory_bytes", "best_epoch")
    facts = {name: trained.facts[name] for name in names if trained.facts.get(name) is not None}
    return {**figures, **facts, "epochs": len(trained.history), "parameters": trained.n_parameters}


class _Recorder:
    """Passes what happens in a training on to the run folder, to MLflow and to whoever watches."""

    def __init__(self, space: Workspace, run: tracking.Run, view: TrainingView | None) -> None:
        self._space, self._run, self._view = space, run, view
        self._mirror: tracking.Mirror | None = None
        self._untracked: dict[str, str] = {}

    def on_start(self, facts: dict[str, Any]) -> None:
        shown = {name: value for name, value in facts.items() if name != "history"}
        known = {record["epoch"] for record in self._run.history()}
        for record in facts.get("history", ()):
            if record["epoch"] not in known:
                self._run.append_epoch(record)
        self._run.update(training=shown)
        if self._view:
            self._view.on_start({**shown, **self._untracked})

    def on_epoch(self, record: dict[str, Any]) -> None:
        self._run.append_epoch(record)
        if self._mirror:
            self._mirror.poke()
        if self._view:
            self._view.on_epoch(record)

    def draw(self) -> None:
        """Draws the training curves, where the package for charts is installed."""
        try:
            reports.training_curves(self._run.history(), self._run.plots)
        except MissingDependencyError as error:
            self._run.update(plots_skipped=str(error))

    def close(self) -> None:
        """Waits until MLflow knows all of it, the end of the run included."""
        if self._mirror:
            self._mirror.close()
            self._mirror = None

    def __enter__(self) -> Self:
        # Begun before torch is imported: MLflow needs two seconds of a core, and only now there is an idle one.
        try:
            self._mirror = tracking.Mirror(self._space, self._run)
        except MissingDependencyError as error:
            self._untracked = {"tracking": f"run folder only ({error.remedy})"}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mirror:
            self._mirror.__exit__(kind, error, trace)
