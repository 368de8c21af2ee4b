"""What the jobs of a search's ensembles do: choose members, join their bundles, tell scores that are honest.

Axes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole import tracking
from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.fits import ALL, HOLD_OUT, REFIT, Fit
from pigeonhole.automl.selection import ITERATIONS, Selection, select
from pigeonhole.automl.stacking import MetaOptions, Stack, stack_with_folds, stack_with_hold_out
from pigeonhole.compute.job import Conversation
from pigeonhole.core.workspace import Workspace
from pigeonhole.evaluation.metrics import auc_weighted
from pigeonhole.evaluation.primary import PRIMARY_METRICS, PrimaryMetric
from pigeonhole.export import combined
from pigeonhole.workflows.automl.data import SearchData
from pigeonhole.workflows.automl.fits import OF_STACK, PROBABILITIES, fit_folder, out_of_fold, read_data
from pigeonhole.workflows.ensembling import NAMES, Judged, Member, Method, run_ensemble

CHOOSE, MAKE = f"{__name__}:choose", f"{__name__}:make"
Probs = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Job:
    """The arguments of a job, read."""

    arguments: Mapping[str, Any]
    space: Workspace
    own: SearchData
    metric: PrimaryMetric

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> _Job:
        space = Workspace(Path(arguments["workspace"]))
        return cls(arguments, space, read_data(space, arguments), PRIMARY_METRICS[arguments["metric"]])

    @property
    def labels_N(self) -> Labels:
        """Of the images that candidates are scored on."""
        rows = self.own.held_rows(HOLD_OUT) if self.own.folds is None else self.own.rows
        labels_N: Labels = self.own.source.labels_N[rows]
        return labels_N

    def fit(self, member: Mapping[str, Any], part: str | None = None) -> Fit:
        told = member["fit"]
        return Fit(Candidate.from_dict(told["candidate"]), told["images"], part or told["part"])

    def folder(self, member: Mapping[str, Any], part: str | None = None) -> Path:
        return fit_folder(Path(self.arguments["folder"]), self.fit(member, part))

    def probs_NK(self, member: Mapping[str, Any]) -> Probs:
        """Of the images that candidates are scored on, from fits that have not learned them."""
        fit = self.fit(member)
        if fit.part == ALL:
            return out_of_fold(self.own, self.folder(member).parent, fit)
        return _loaded(self.folder(member) / PROBABILITIES)


def choose(arguments: Mapping[str, Any], conversation: Conversation) -> dict[str, Any]:  # noqa: ARG001
    """The members of an ensemble, by their candidates' keys, with what each weighs; the heaviest first."""
    selection = _selection(_Job.of(arguments))
    weights = sorted(selection.weights.items(), key=lambda pair: -pair[1])
    return {"weights": dict(weights), "best_individual": selection.best_individual_score}


def make(arguments: Mapping[str, Any], conversation: Conversation) -> dict[str, Any]:  # noqa: ARG001
    """An ensemble as a run like any other: its figures, and its members with weights and scores."""
    job = _Job.of(arguments)
    method: Method = arguments["method"]
    told = {member["candidate"]: member for member in arguments["members"]}
    weights: Mapping[str, float] = arguments["weights"]
    members = [told[key] for key in weights]
    total = sum(weights.values())
    stack = _stack(job, members) if method == "stack" else None
    judged = _judged(job, members, [weights[key] / total for key in weights]) if stack is None else _of_stack(stack)
    seed = int(arguments["seed"])
    run_id = run_ensemble(
        job.space,
        method=method,
        members=[Member(told[key]["run_id"], weights[key] / total, told[key]["score"]) for key in weights],
        dataset=job.own.source.ref,
        command=arguments["command"],
        stack=stack,
        judged=judged,
        metric=job.metric,
        seed=seed,
        trial=f"{arguments['search']}/{NAMES[method]}",
    )
    with tracking.Runs(job.space).write(run_id) as run:
        run.add_metrics(_cross_validated(job, judged))
        metrics = run.metrics
    low, high = job.metric.interval(judged.labels_N, judged.probs_NK)
    score, difference = judged.score, judged.score - job.metric.score(judged.labels_N, judged.probs_NK)
    return {
        "run_id": run_id,
        "score": score,
        "low": low + difference,
        "high": high + difference,
        "latency_ms": metrics["latency_ms"],
        "size_bytes": metrics["bundle_size_bytes"],
        "members": [_told(told[key], None if method == "stack" else weights[key] / total) for key in weights],
    }


def _told(member: Mapping[str, Any], weight: float | None) -> dict[str, Any]:
    shown = {name: member[name] for name in ("candidate", "name", "run_id", "score")}
    return shown if weight is None else {**shown, "weight": weight}


def _selection(job: _Job) -> Selection:
    members = job.arguments["members"]
    probs = {member["candidate"]: job.probs_NK(member) for member in members}
    scores = {member["candidate"]: float(member["score"]) for member in members}
    most = job.arguments["max_trials"]
    iterations = ITERATIONS if most is None else max(1, min(ITERATIONS, int(most)))
    return select(job.labels_N, probs, scores, job.metric, iterations=iterations)


def _judged(job: _Job, members: Sequence[Mapping[str, Any]], weights: Sequence[float]) -> Judged:
    """A vote by what its members say of images that they have not learned; with folds, the mean of their scores."""
    labels_N, probs_NK = job.labels_N, combined([job.probs_NK(member) for member in members], weights, None)
    if job.own.folds is None:
        return Judged(labels_N, probs_NK, job.metric.score(labels_N, probs_NK))
    fold_N = job.own.fold_N
    scores = [job.metric.score(labels_N[fold_N == k], probs_NK[fold_N == k]) for k in range(1, job.own.folds + 1)]
    return Judged(labels_N, probs_NK, float(np.mean(scores)))


def _of_stack(stack: Stack) -> Judged:
    return Judged(stack.honest_labels_N.astype(np.int64), stack.honest_probs_NK, stack.score)


def _stack(job: _Job, members: Sequence[Mapping[str, Any]]) -> Stack:
    own, arguments = job.own, job.arguments
    options = MetaOptions(
        job.metric, arguments["meta_learner"], arguments["meta_learner_arguments"], int(arguments["seed"])
    )
    probs = [job.probs_NK(member) for member in members]
    if own.folds is not None:
        return stack_with_folds(job.labels_N, probs, own.fold_N, options)
    refits = [job.folder(member, REFIT) for member in members]
    return stack_with_hold_out(
        job.labels_N,
        probs,
        own.source.labels_N[own.stack_rows()],
        [_loaded(folder / OF_STACK) for folder in refits],
        [_loaded(folder / PROBABILITIES) for folder in refits],
        options,
    )


def _cross_validated(job: _Job, judged: Judged) -> dict[str, Any]:
    if job.own.folds is None:
        return {}
    right_N = judged.probs_NK.argmax(axis=1) == judged.labels_N
    return {
        "cross_validated_accuracy": float(right_N.mean()),
        "cross_validated_auc_weighted": auc_weighted(judged.labels_N, judged.probs_NK),
    }


def _loaded(path: Path) -> Probs:
    loaded: Probs = np.load(path, allow_pickle=False)
    return loaded
