"""`train`: a Dataset version in, a finished Run out. Never opens the test split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


class StopTraining(Exception):  # noqa: N818 - no error, but what a view says to end a training
    """Raised by a view in `on_epoch`: the training ends, and its run is Canceled with the reason.

    Args:
        reason: why, in the run's record.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TrialView(TrainingView, Protocol):
    """Whoever watches the training of a sweep's trial: told of epochs done before a kill as well."""

    def on_run(self, run_id: str) -> None:
        """The trial has this run, new or gone on with; before everything else."""


@dataclass(frozen=True)
class AsTrial:
    """That a training is a trial of a sweep.

    Attributes:
        ref: `SWEEP/NUMBER`, by which its run is found again, finished or not.
        view: told of it.
    """

    ref: str
    view: TrialView


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
    parent, start_from = _start(space, resume_from)
    return _train(space, dataset, model, settings or {}, seed, view=view, parent=parent, start_from=start_from)


def train_trial(
    space: Workspace, dataset: str, model: str, settings: Mapping[str, Any], seed: int, *, trial: AsTrial
) -> RunSummary:
    """The run of a sweep's trial: as `train`, but a run of its own, and one for ever.

    The same call goes on with it; where it reached its end, it is told again and nothing is trained.
    """
    return _train(space, dataset, model, settings, seed, view=trial.view, trial=trial)


def _train(
    space: Workspace,
    dataset: str,
    model: str,
    settings: Mapping[str, Any],
    seed: int,
    *,
    view: TrainingView | None,
    parent: str | None = None,
    start_from: Path | None = None,
    trial: AsTrial | None = None,
) -> RunSummary:
    source = data.open_dataset(space, dataset)
    spec = models.resolve(model, settings)
    if spec.kind == "network":
        # Layers that do not fit are told before there is a run.
        models.summarize(spec, source.shape_HWC, len(source.class_names))
    run = tracking.Runs(space).start_or_continue(
        spec.to_dict(),
        model=model,
        dataset=source.ref,
        dataset_sha256=source.sha256,
        seed=seed,
        settings=settings,
        parent=parent,
        trial=trial.ref if trial else None,
    )
    with _Recorder(space, run, view, trial) as recorder, run:
        if run.finished:
            recorder.tell_again()
        else:
            _fit(run, source, spec, recorder, start_from)
        recorder.close()
        if run.finished:
            # Only now is nothing left to do: until then the same line goes on with this run.
            run.settle()
    return describe(run)


def _fit(
    run: tracking.Run, source: data.Dataset, spec: models.ModelSpec, recorder: _Recorder, start_from: Path | None
) -> None:
    """Trains to the end, or to where the view stops it."""
    try:
        trained = models.fit(
            spec,
            training_data(source, spec.kind),
            seed=int(run.record["seed"]),
            folder=run.training,
            observer=recorder,
            start_from=start_from,
        )
    except StopTraining as stop:
        run.add_metrics(_last_figures(run.history()))
        recorder.draw()
        run.cancel(stop.reason)
        return
    _keep_probabilities(run, source, trained)
    run.add_metrics(_metrics(trained))
    if trained.kind == "estimator":
        # Exported while it is in memory, so that no run folder ever holds a pickle.
        export_run(run, source, trained)
    recorder.draw()
    run.finish({})


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


_FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def _last_figures(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Of a training that was stopped: no epoch was chosen, so those of its last."""
    last = history[-1]
    figures = {name: last[name] for name in _FIGURES if last.get(name) is not None}
    return {**figures, "epochs": len(history)}


def _metrics(trained: models.Trained) -> dict[str, Any]:
    kept_epoch = trained.facts.get("kept_epoch", trained.facts.get("best_epoch"))
    chosen = next((record for record in trained.history if record["epoch"] == kept_epoch), trained.history[-1])
    figures = {name: chosen[name] for name in _FIGURES if chosen.get(name) is not None}
    names = ("seconds", "images_per_s", "peak_memory_bytes", "best_epoch")
    facts = {name: trained.facts[name] for name in names if trained.facts.get(name) is not None}
    return {**figures, **facts, "epochs": len(trained.history), "parameters": trained.n_parameters}


class _Recorder:
    """Passes what happens in a training on to the run folder, to MLflow and to whoever watches."""

    def __init__(self, space: Workspace, run: tracking.Run, view: TrainingView | None, trial: AsTrial | None) -> None:
        self._space, self._run, self._view, self._trial = space, run, view, trial
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
        if self._trial:
            for record in facts.get("history", ()):
                self._trial.view.on_epoch(record)

    def tell_again(self) -> None:
        """Tells the view the epochs of a run that has reached its end."""
        self.on_start({**self._run.record.get("training", {}), "history": self._run.history()})

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
        if self._trial:
            self._trial.view.on_run(self._run.id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mirror:
            self._mirror.__exit__(kind, error, trace)
