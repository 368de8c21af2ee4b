"""Finished runs in, a run of their ensemble out: no model is trained, their exported graphs are joined.

Axes: N images, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pigeonhole import bundle, data, evaluation, export, tracking
from pigeonhole.automl.stacking import MetaLearner, Stack
from pigeonhole.core.errors import DataError, GateError, UsageError, listing
from pigeonhole.core.workspace import Workspace
from pigeonhole.evaluation.checks import Labels
from pigeonhole.evaluation.primary import PRIMARY_METRICS, PrimaryMetric
from pigeonhole.workflows.exporting import note_bundle, verification_rows

KIND = "ensemble"
NAMES = {"vote": "voting-ensemble", "stack": "stack-ensemble"}
COEFFICIENTS, INTERCEPTS = "meta_coefficients", "meta_intercepts"
Method = Literal["vote", "stack"]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Member:
    """A run that an ensemble is made of.

    Attributes:
        run_id: the run; it has a bundle.
        weight: its share of a vote, or how much it counted in the choice of a stack's members.
        score: its own by the primary metric, to stand beside it; `None` if unknown.
    """

    run_id: str
    weight: float
    score: float | None = None


@dataclass(frozen=True)
class Judged:
    """What an ensemble is judged by, where that is not what its members say of the validation images.

    Attributes:
        labels_N: the classes of images that none of what spoke of them was fitted on.
        probs_NK: what was said of them.
        score: by the primary metric.
    """

    labels_N: Labels
    probs_NK: Floats
    score: float


@dataclass(frozen=True)
class _Wanted:
    """An ensemble with all that it is made of in memory."""

    method: Method
    source: data.Dataset
    parts: tuple[export.Part, ...]
    runs: tuple[tracking.Run, ...]
    meta: MetaLearner | None

    def combined(self, members: Sequence[Floats]) -> Floats:
        """What the ensemble makes of its members' probabilities."""
        return export.combined(members, [part.weight for part in self.parts], self.meta)


def run_ensemble(
    space: Workspace,
    *,
    method: Method,
    members: Sequence[Member],
    dataset: str,
    command: str,
    stack: Stack | None = None,
    judged: Judged | None = None,
    metric: PrimaryMetric = PRIMARY_METRICS["accuracy"],
    seed: int = 0,
    trial: str | None = None,
) -> str:
    """The id of a finished run of an ensemble, with its verified bundle. The same call again goes on after a kill.

    Args:
        space: where the members' runs are.
        method: `vote`, or `stack`.
        members: the runs, in the order of a stack's features; a vote's weights sum to 1.
        dataset: the dataset version that they were trained on.
        command: the line that makes the run again.
        stack: a stack's meta learner, and what it is judged by.
        judged: what a vote is judged by; `None`: the members' kept probabilities of the validation images.
        metric: the primary metric.
        seed: decides which images the export is verified on; the members' own, so that these are the same.
        trial: the name of this very ensemble (`SEARCH/voting-ensemble`): one run for ever, found again when it ended.

    Raises:
        GateError: a member is not finished, has no bundle or is of another dataset; or the join does not verify.
        UsageError: a stack without a meta learner, or a vote with one.
        DataError: the members do not fit each other.
    """
    if (stack is not None) != (method == "stack"):
        raise UsageError(
            f"the method {method!r} {'with' if stack else 'without'} a meta learner",
            "`stack` with one, or `vote` without",
            "fit one with automl.stacking, or vote",
        )
    source = data.open_dataset(space, dataset)
    runs = tuple(tracking.Runs(space).get(member.run_id) for member in members)
    _check(runs, source)
    run = tracking.Runs(space).start_or_continue(
        _spec(method, members, runs, stack, metric),
        model=NAMES[method],
        dataset=source.ref,
        dataset_sha256=source.sha256,
        seed=seed,
        trial=trial,
    )
    with run:
        if not run.finished:
            run.update(command=command)
            parts = tuple(
                export.Part(one.id, bundle.load(one.bundle), member.weight)
                for one, member in zip(runs, members, strict=True)
            )
            wanted = _Wanted(method, source, parts, runs, stack.meta if stack else None)
            _make(run, wanted, judged or _judged(wanted, stack, metric), metric)
        if not run.settled:
            run.settle()
    return run.id


def _make(run: tracking.Run, wanted: _Wanted, judged: Judged, metric: PrimaryMetric) -> None:
    start = time.perf_counter()
    _keep_meta(run, wanted.meta)
    _keep_judged(run, judged, wanted.source)
    rows = verification_rows(wanted.source, int(run.record["seed"]))
    images_NHWC = wanted.source.images_NHWC[rows]
    expected_NK = wanted.combined([part.bundle.predict(images_NHWC).probs_NK for part in wanted.parts])
    run.save_array("verification_rows", rows)
    run.save_array("verification_probs", expected_NK)
    made = _bundle(run, wanted, images_NHWC, rows, expected_NK, judged)
    note_bundle(run, made, made.lineage["verification"]["images"])
    loss = float(-np.log(np.maximum(judged.probs_NK[np.arange(len(judged.labels_N)), judged.labels_N], 1e-15)).mean())
    run.finish(
        {
            "validation_accuracy": float((judged.probs_NK.argmax(axis=1) == judged.labels_N).mean()),
            "validation_loss": loss,
            f"validation_{metric.name}": judged.score,
            "members": len(wanted.parts),
            "parameters": sum(int(member.metrics.get("parameters") or 0) for member in wanted.runs),
            "seconds": time.perf_counter() - start,
        }
    )


def _bundle(
    run: tracking.Run,
    wanted: _Wanted,
    images_NHWC: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    expected_NK: Floats,
    judged: Judged,
) -> bundle.Bundle:
    if (run.bundle / "manifest.json").is_file():
        return bundle.load(run.bundle)
    record = run.record
    return export.ensemble_bundle(
        wanted.parts,
        folder=run.bundle,
        images_NHWC=images_NHWC,
        labels_N=wanted.source.labels_N[rows],
        expected_probs_NK=expected_NK,
        calibration={"temperature": evaluation.fit_temperature(judged.labels_N, judged.probs_NK)},
        lineage={
            "run": run.id,
            **{name: record[name] for name in ("dataset", "dataset_sha256", "model", "seed")},
            "method": wanted.method,
        },
        meta=wanted.meta,
    )


def _judged(wanted: _Wanted, stack: Stack | None, metric: PrimaryMetric) -> Judged:
    """By what a stack brings; of a vote, by the mean of what its members' own trainings kept of validation."""
    if stack is not None:
        return Judged(stack.honest_labels_N.astype(np.int64), stack.honest_probs_NK, stack.score)
    validation = wanted.source.validation
    if not len(validation):
        raise GateError(
            f"{wanted.source.ref} has no validation images to judge a vote by",
            "a dataset with a validation split, or out-of-fold probabilities",
            "ingest it again without --validation 0, or set n_cross_validations",
        )
    probs_NK = wanted.combined([one.load_array("validation_probs") for one in wanted.runs])
    return Judged(validation.labels_N, probs_NK, metric.score(validation.labels_N, probs_NK))


def _keep_judged(run: tracking.Run, judged: Judged, source: data.Dataset) -> None:
    """As `validation_probs` where it is of the validation images, like any run's; else with its own labels."""
    if np.array_equal(judged.labels_N, source.validation.labels_N):
        run.save_array("validation_probs", judged.probs_NK)
    else:
        run.save_array("judged_probs", judged.probs_NK)
        run.save_array("judged_labels", judged.labels_N)


def _keep_meta(run: tracking.Run, meta: MetaLearner | None) -> None:
    """Keeps a linear meta learner's numbers for who wants to read them; the bundle has its graph in any case."""
    if meta is not None and hasattr(meta.estimator, "coef_"):
        run.save_array(COEFFICIENTS, meta.estimator.coef_)
        run.save_array(INTERCEPTS, meta.estimator.intercept_)


def _check(runs: Sequence[tracking.Run], source: data.Dataset) -> None:
    problems = []
    for one in runs:
        if not one.finished or not (one.bundle / "manifest.json").is_file():
            problems.append(f"run {one.id} is {one.status} and has {'a' if one.bundle.is_dir() else 'no'} bundle")
        elif one.record["dataset_sha256"] != source.sha256:
            problems.append(f"run {one.id} is of the dataset {one.record['dataset']}")
    if not runs:
        raise DataError("an ensemble of no runs", "one run or more", "choose members")
    if problems:
        raise GateError(
            f"runs that make no ensemble:\n{listing(problems)}",
            f"finished, exported runs of {source.ref}",
            "export them, or choose others",
        )


def _spec(
    method: Method, members: Sequence[Member], runs: Sequence[tracking.Run], stack: Stack | None, metric: PrimaryMetric
) -> dict[str, Any]:
    told = [
        {**asdict(member), "run_id": run.id, "model": run.record["model"]}
        for member, run in zip(members, runs, strict=True)
    ]
    ensemble: dict[str, Any] = {"method": method, "primary_metric": metric.name, "members": told}
    if stack is not None:
        linear = hasattr(stack.meta.estimator, "coef_")
        ensemble["meta_learner"] = {
            "name": stack.meta.name,
            "classes": list(stack.meta.classes_present),
            "numbers": f"arrays/{COEFFICIENTS}.npy, arrays/{INTERCEPTS}.npy" if linear else "bundle/model.onnx",
            "score": stack.score,
        }
    return {"model": NAMES[method], "kind": KIND, "parameters": {}, "ensemble": ensemble}
