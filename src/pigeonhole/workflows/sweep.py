"""`sweep`: a spec in, its trials tried, the best of them a run like any other. The loop itself is `sweep.loop`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pigeonhole import data
from pigeonhole.compute import Compute, LocalCompute
from pigeonhole.compute.shares import allowed_cores, memory_share
from pigeonhole.core.errors import SpecError
from pigeonhole.core.spec import parse_settings, read_yaml
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.loop import run_sweep
from pigeonhole.sweep.naming import sweep_name
from pigeonhole.sweep.plan import JobOfTrial, Objective, Plan
from pigeonhole.sweep.spec import SweepSpec, read_sweep
from pigeonhole.sweep.study import SWEEPS, Storable, Stored, own_study
from pigeonhole.workflows.script_trials import ScriptTrials, given_to
from pigeonhole.workflows.sweep_outcome import SweepOutcome, TrialOutcome, outcome
from pigeonhole.workflows.sweep_report import draw_sweep
from pigeonhole.workflows.trials import preset_jobs

LOGS = "logs"


class SweepView(Protocol):
    """Whoever watches a sweep: a terminal, a notebook, nobody."""

    def on_start(self, facts: dict[str, Any]) -> None:
        """Name, objectives, limits and what the spec's reader should know (`notes`), before the first trial."""

    def on_trial(self, trial: TrialOutcome) -> None:
        """A trial was found in the study, started, told an interval, or ended."""


@dataclass(frozen=True)
class _Sweep:
    """A spec with what surrounds it: its name, where its files go, what its trials do, and how they are heard."""

    spec: SweepSpec
    name: str
    folder: Path
    dataset: str | None
    jobs: JobOfTrial
    heard: Callable[[Compute], AbstractContextManager[Compute]]


def sweep(
    spec: str | Path | Mapping[str, Any] | SweepSpec,
    *,
    workspace: Workspace | str | Path | None = None,
    view: SweepView | None = None,
) -> SweepOutcome:
    """The outcome of a sweep. The same call again goes on with one that was interrupted, and shows a finished one.

    Args:
        spec: a YAML file, its content, or what `read_sweep` made of it.
        workspace: where the dataset is and the runs go.
        view: told of every change.

    Raises:
        SpecError: the spec is wrong, all problems at once; or its objective is never logged.
        NotFoundError: there is no such dataset.
        ConflictError: another process runs this very sweep.
        TrainingError: no trial ended well.
        BudgetError: its time ran out before a trial had ended.
        MissingDependencyError: Optuna is not installed.
    """
    space = Workspace.find(workspace)
    wanted = _read(spec)
    made = _prepared(space, wanted)
    slots = min(wanted.concurrent or len(allowed_cores()), wanted.limits.max_total_trials)
    plan = _plan(wanted, slots)
    if view:
        view.on_start(_facts(made, plan))
    notes = {"spec": wanted.to_dict(), "dataset": made.dataset}
    with (
        own_study(space, made.name, wanted.goals, notes) as study,
        LocalCompute(slots) as compute,
        made.heard(compute) as heard,
    ):
        ended = run_sweep(plan, study, heard, _within(memory_share(slots), made.jobs), _Passing(view))
    facts = {"dataset": made.dataset} if made.dataset else {}
    report = draw_sweep(wanted, made.name, ended.trials, made.folder, facts)
    found = outcome(made.name, made.dataset, plan.objectives, ended, str(made.folder))
    return replace(found, report=None if report is None else str(report))


def read(file: str | Path, assignments: Sequence[str] = ()) -> SweepSpec:
    """The spec in a file, with keys set to other values.

    Args:
        file: YAML; its name is the sweep's, unless the spec has one.
        assignments: `section.key=value`, as `--set` takes them.

    Raises:
        SpecError: any number of problems, all in one message.
    """
    path = Path(file)
    if not assignments:
        spec = read_sweep(path)
    else:
        value, _ = read_yaml(path)
        # A key that is set has no line, and the nearest line would mislead.
        spec = read_sweep(_merged(value, parse_settings(assignments)), folder=path.absolute().parent)
    return spec if spec.name or spec.display_name else _named(spec, path.stem)


def _named(spec: SweepSpec, name: str) -> SweepSpec:
    return spec.model_copy(update={"name": name})


def _merged(base: Any, over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base) if isinstance(base, Mapping) else {}
    for key, value in over.items():
        merged[key] = _merged(merged.get(key), value) if isinstance(value, Mapping) else value
    return merged


def _read(spec: str | Path | Mapping[str, Any] | SweepSpec) -> SweepSpec:
    if isinstance(spec, SweepSpec):
        return spec
    return read_sweep(spec) if isinstance(spec, Mapping) else read(spec)


def _prepared(space: Workspace, spec: SweepSpec) -> _Sweep:
    return _of_script(space, spec) if spec.command else _of_preset(space, spec)


def _of_preset(space: Workspace, spec: SweepSpec) -> _Sweep:
    source = data.open_dataset(space, spec.dataset or "")
    _check_validation(spec, source)
    folder = _folder(space, spec, {"dataset": source.sha256})
    jobs = preset_jobs(space, folder.name, spec, source.ref, folder / LOGS)
    return _Sweep(spec, folder.name, folder, source.ref, jobs, nullcontext)


def _of_script(space: Workspace, spec: SweepSpec) -> _Sweep:
    folder = _folder(space, spec, given_to(space, spec))
    trials = ScriptTrials(space, spec, folder.name, folder)
    return _Sweep(spec, folder.name, folder, trials.dataset, trials.job, trials.heard)


def _folder(space: Workspace, spec: SweepSpec, contents: Mapping[str, str]) -> Path:
    """The sweep's own folder, whose name is the sweep's."""
    sweeps = space.folder(SWEEPS)
    folder = sweeps / sweep_name(sweeps, spec.name or spec.display_name or "sweep", spec.identity(contents))
    (folder / LOGS).mkdir(parents=True, exist_ok=True)
    return folder


def _within(memory_bytes: int, jobs: JobOfTrial) -> JobOfTrial:
    """The same jobs, each held to its part of the memory: one that takes more fails alone, and the others go on."""
    return lambda number, values: replace(jobs(number, values), memory_bytes=memory_bytes)


def _check_validation(spec: SweepSpec, source: data.Dataset) -> None:
    wanted = [metric for metric in spec.metrics if metric.startswith("validation_")]
    if wanted and not len(source.validation):
        raise SpecError(
            f"the objective {wanted[0]} on {source.ref}, which has no validation split",
            "a dataset with a validation split",
            "ingest it again with --validation 0.1",
        )


def _plan(spec: SweepSpec, slots: int) -> Plan:
    limits = spec.limits
    return Plan(
        objectives=[Objective(*both) for both in zip(spec.metrics, spec.goals, strict=True)],
        sampler=spec.sampler(),
        storable=lambda values: Storable(*spec.space.to_optuna(values)),
        policy=spec.policy(),
        max_total_trials=limits.max_total_trials,
        max_concurrent_trials=slots,
        timeout_s=limits.timeout,
        trial_timeout_s=limits.trial_timeout,
    )


def _facts(made: _Sweep, plan: Plan) -> dict[str, Any]:
    spec = made.spec
    return {
        "sweep": made.name,
        "dataset": made.dataset,
        "model": spec.model,
        "sampling_algorithm": spec.sampling_algorithm.type,
        "early_termination": spec.early_termination.type if spec.early_termination else None,
        "metrics": spec.metrics,
        "goals": spec.goals,
        "max_total_trials": plan.max_total_trials,
        "max_concurrent_trials": plan.max_concurrent_trials,
        "notes": spec.notes,
        "folder": str(made.folder),
    }


class _Passing:
    """Passes trials on in the words of users."""

    def __init__(self, view: SweepView | None) -> None:
        self._view = view

    def on_trial(self, stored: Stored) -> None:
        if self._view:
            self._view.on_trial(TrialOutcome.of(stored))
