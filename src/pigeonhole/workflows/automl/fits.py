"""What a fit of a search does, in a process of its own: trains, is scored, and is exported if the search says so.

A job names `fit_candidate`. Axes: N images, K classes.
"""

from __future__ import annotations

import importlib
import io
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pigeonhole import data, models, tracking
from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.fits import ALL, HOLD_OUT, REFIT, Fit, fold
from pigeonhole.compute.job import Conversation
from pigeonhole.core.files import write_bytes
from pigeonhole.core.optional import require
from pigeonhole.core.seeds import derive
from pigeonhole.core.workspace import Workspace
from pigeonhole.evaluation.metrics import auc_weighted, log_loss
from pigeonhole.evaluation.primary import PRIMARY_METRICS
from pigeonhole.models.checkpoints import MODEL_JSON, WEIGHTS
from pigeonhole.models.waiting import require_torch
from pigeonhole.workflows.automl.data import SearchData
from pigeonhole.workflows.exporting import export_run, verification_rows

if TYPE_CHECKING:
    from pigeonhole.models.networks.training.loop import Trainer

FUNCTION = f"{__name__}:fit_candidate"
PROBABILITIES, OF_STACK = "held_out_probs.npy", "stack_probs.npy"
_AT_ONCE = 5000
# Of the seconds left, what training may take: predicting, exporting and verifying come after it.
_FOR_TRAINING = 0.93
Probs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Job:
    """A fit's arguments, read."""

    space: Workspace
    fit: Fit
    own: SearchData
    folder: Path
    search: str
    command: str
    metric: str
    ends_at_s: float
    seed: int

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> _Job:
        space = Workspace(Path(arguments["workspace"]))
        fit = Fit(Candidate.from_dict(arguments["candidate"]), arguments["images"], arguments["part"])
        own = read_data(space, arguments)
        folder = fit_folder(Path(arguments["folder"]), fit)
        folder.mkdir(parents=True, exist_ok=True)
        return cls(
            space,
            fit,
            own,
            folder,
            arguments["search"],
            arguments["command"],
            arguments["metric"],
            time.monotonic() + arguments["left_s"] * _FOR_TRAINING,
            derive(arguments["seed"], "automl", fit.candidate.key) % 2**31,
        )


def read_data(space: Workspace, arguments: Mapping[str, Any]) -> SearchData:
    """The data of a search, from the arguments of one of its jobs."""
    source = data.open_dataset(space, arguments["dataset"])
    return SearchData(source, arguments["folds"], arguments["seed"], arguments["stack_share"])


def fit_folder(folder: Path, fit: Fit) -> Path:
    """Where a fit's files go, in the search's own folder."""
    safe = fit.candidate.key.replace("/", "-")
    return folder / "fits" / safe / f"{fit.images}-{fit.part.replace(' ', '-').replace('/', '-of-')}"


def fit_candidate(arguments: Mapping[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Fits a candidate; where its bundle is asked for, the run that has it, its latency and size."""
    job = _Job.of(arguments)
    _load(job.fit.candidate.kind)
    start = time.perf_counter()
    trained = _trained(job)
    probs_NK = _kept(job, trained, job.own.held_rows(job.fit.part), PROBABILITIES)
    if job.fit.part == REFIT:
        _kept(job, trained, job.own.stack_rows(), OF_STACK)
        return {}
    figures = _figures(job, probs_NK, time.perf_counter() - start)
    answer = conversation.ask({"figures": figures})
    return _exported(job, trained, probs_NK, figures) if answer["export"] else {}


def _load(kind: str) -> None:
    """Loads what the fit will need: a process does it once, and it says nothing of how long a candidate takes."""
    if kind == "network":
        require_torch()
        importlib.import_module("pigeonhole.models.networks")
    else:
        require("sklearn.linear_model", extra="train")


def _trained(job: _Job) -> models.Trained:
    source, candidate = job.own.source, job.fit.candidate
    rows = job.own.learned_rows(job.fit.images, job.fit.part)
    # A network takes its images batch by batch; an estimator all at once.
    images_NHWC = source.images_NHWC[rows] if candidate.kind == "estimator" else models.select(source.images_NHWC, rows)
    return models.fit(
        models.resolve(candidate.preset, candidate.settings),
        # No epoch is chosen by what the candidate is scored on, and none is spent on looking at it.
        models.TrainingData(images_NHWC, source.labels_N[rows], None, None, source.class_names),
        seed=job.seed,
        folder=job.folder,
        # A member's second fit counts only if it is as long as its first.
        callbacks=[_InTime(job.ends_at_s)] if candidate.kind == "network" and job.fit.part != REFIT else (),
        scores_training=False,
    )


class _InTime(models.Callback):
    """Ends a training after the epoch after which the next would come too late.

    Args:
        ends_at_s: of the monotonic clock.
    """

    def __init__(self, ends_at_s: float) -> None:
        self._ends_at_s = ends_at_s
        self._began_s = time.monotonic()
        self._epochs = 0

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:  # noqa: ARG002
        """Looks at the clock."""
        self._epochs += 1
        now_s = time.monotonic()
        if now_s + (now_s - self._began_s) / self._epochs > self._ends_at_s:
            trainer.state.stop = True


def _kept(job: _Job, trained: models.Trained, rows: npt.NDArray[np.int64], name: str) -> Probs:
    """The trained model's probabilities for some rows, kept in the fit's folder."""
    images_NHWC = job.own.source.images_NHWC
    blocks = [
        trained.probabilities(images_NHWC[rows[start : start + _AT_ONCE]]) for start in range(0, len(rows), _AT_ONCE)
    ]
    probs_NK = np.concatenate([np.zeros((0, len(job.own.source.class_names)), np.float32), *blocks])
    buffer = io.BytesIO()
    np.save(buffer, probs_NK, allow_pickle=False)
    write_bytes(job.folder / name, buffer.getvalue())
    return probs_NK


def _figures(job: _Job, probs_NK: Probs, seconds: float) -> dict[str, Any]:
    """Score with its interval, and further figures; the last fit after all folds has none."""
    found: dict[str, Any] = {"fit_s": seconds, "score": None, "low": None, "high": None, "metrics": {}}
    if not len(probs_NK):
        return found
    labels_N = job.own.source.labels_N[job.own.held_rows(job.fit.part)]
    metric = PRIMARY_METRICS[job.metric]
    low, high = metric.interval(labels_N, probs_NK)
    metrics = {
        "accuracy": float((probs_NK.argmax(axis=1) == labels_N).mean()),
        "auc_weighted": auc_weighted(labels_N, probs_NK),
        "log_loss": log_loss(labels_N, probs_NK),
    }
    return {**found, "score": metric.score(labels_N, probs_NK), "low": low, "high": high, "metrics": metrics}


def _exported(job: _Job, trained: models.Trained, probs_NK: Probs, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The fit as a run like any other, with its verified bundle."""
    source, candidate = job.own.source, job.fit.candidate
    run = tracking.Runs(job.space).start_or_continue(
        trained.spec.to_dict(),
        model=candidate.preset,
        dataset=source.ref,
        dataset_sha256=source.sha256,
        seed=job.seed,
        settings=candidate.settings,
        trial=f"{job.search}/{job.fit.key}",
    )
    with run:
        if not run.finished:
            run.update(command=job.command, training={**trained.facts, "part": job.fit.part})
            _keep(job, run, trained, probs_NK)
            run.add_metrics({**_metrics(job, figures), "parameters": trained.n_parameters})
            export_run(run, source, trained)
            run.finish({})
            run.settle()
        return {
            "run_id": run.id,
            "latency_ms": run.metrics["latency_ms"],
            "size_bytes": run.metrics["bundle_size_bytes"],
        }


def _keep(job: _Job, run: tracking.Run, trained: models.Trained, probs_NK: Probs) -> None:
    """What a run of `train` has: weights, epochs, and the model's own probabilities."""
    for name in (MODEL_JSON, WEIGHTS):
        if (job.folder / name).is_file():
            shutil.copyfile(job.folder / name, run.training / name)
    known = {record["epoch"] for record in run.history()}
    for record in trained.history:
        if record["epoch"] not in known:
            run.append_epoch(record)
    source = job.own.source
    rows = verification_rows(source, job.seed)
    run.save_array("verification_rows", rows)
    run.save_array("verification_probs", trained.probabilities(source.images_NHWC[rows]))
    run.save_array("validation_probs", _validation_probs(job, probs_NK))


def _validation_probs(job: _Job, probs_NK: Probs) -> Probs:
    """For the validation split, from models that have not learned it."""
    if job.fit.part == HOLD_OUT:
        return probs_NK
    validation = job.own.source.rows("validation")
    if job.fit.part == ALL:
        found_NK = out_of_fold(job.own, job.folder.parent, job.fit)
        return found_NK[np.isin(job.own.rows, validation)]
    found_NK = np.full((len(validation), probs_NK.shape[1]), 1 / probs_NK.shape[1], np.float32)
    held = job.own.held_rows(job.fit.part)
    found_NK[np.isin(validation, held)] = probs_NK[np.isin(held, validation)]
    return found_NK


def out_of_fold(own: SearchData, folder: Path, fit: Fit) -> Probs:
    """The probabilities of all rows, each from the model that had it held out; in the order of `own.rows`.

    Args:
        own: with folds.
        folder: of the candidate's fits.
        fit: the last one, of all images.
    """
    folds = own.folds or 1
    found_NK = np.zeros((len(own.rows), len(own.source.class_names)), np.float32)
    for number in range(1, folds + 1):
        part = Fit(fit.candidate, fit.images, fold(number, folds))
        probs_NK = np.load(folder / fit_folder(Path(), part).name / PROBABILITIES, allow_pickle=False)
        found_NK[np.isin(own.rows, own.held_rows(part.part))] = probs_NK
    return found_NK


def _metrics(job: _Job, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The run's figures: of the hold-out, or of all folds."""
    if job.fit.part == ALL:
        labels_N = job.own.source.labels_N[job.own.rows]
        probs_NK = out_of_fold(job.own, job.folder.parent, job.fit)
        return {
            "cross_validated_accuracy": float((probs_NK.argmax(axis=1) == labels_N).mean()),
            "cross_validated_auc_weighted": auc_weighted(labels_N, probs_NK),
        }
    found = figures["metrics"]
    return {
        "validation_accuracy": found["accuracy"],
        "validation_loss": found["log_loss"],
        "validation_auc_weighted": found["auc_weighted"],
        "seconds": figures["fit_s"],
    }
