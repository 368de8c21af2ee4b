"""The report of a sweep: what its study and its spec say, in the words of the charts. Draws nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pigeonhole import reports
from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.sweep.distributions import Choice, Distribution
from pigeonhole.sweep.importance import Importance, importance
from pigeonhole.sweep.plan import Objective
from pigeonhole.sweep.results import best_trial, pareto_front, seconds_saved
from pigeonhole.sweep.spec import SweepSpec
from pigeonhole.sweep.study import Stored

REPORT = "report"


def draw_sweep(
    spec: SweepSpec, name: str, trials: Sequence[Stored], folder: Path, facts: Mapping[str, str] | None = None
) -> Path | None:
    """Writes the report of a sweep's trials, whatever became of them.

    Args:
        spec: of the sweep.
        name: the sweep's.
        trials: by number.
        folder: the sweep's own; the report goes into `report/` there.
        facts: more to say in its head, by label.

    Returns:
        The page; `None` where the packages for charts are not installed.
    """
    figures = sweep_figures(spec, name, trials, facts or {})
    try:
        return reports.sweep_report(figures, folder / REPORT)[0]
    except MissingDependencyError:
        return None


def sweep_figures(
    spec: SweepSpec, name: str, trials: Sequence[Stored], facts: Mapping[str, str]
) -> reports.SweepFigures:
    """What the report is drawn from."""
    objectives = [Objective(*both) for both in zip(spec.metrics, spec.goals, strict=True)]
    parameters = list(dict.fromkeys(_parameters(spec.search_space)))
    told = _importance(spec, trials, [one.name for one in parameters if one.kind == "log"])
    best = best_trial(trials, objectives) if len(objectives) == 1 else None
    return reports.SweepFigures(
        name=name,
        metrics=spec.metrics,
        goals=spec.goals,
        parameters=parameters,
        trials=[_trial(stored) for stored in trials],
        best=best.trial.number if best else None,
        importance=told.shares,
        importance_note=told.note,
        seconds_saved=seconds_saved(trials),
        pareto=pareto_front(trials, objectives),
        facts={**facts, **_facts(spec)},
    )


def _facts(spec: SweepSpec) -> dict[str, str]:
    sampling = spec.sampling_algorithm.model_dump(mode="json", exclude={"type"}, exclude_none=True)
    settings = ", ".join(f"{key} {value}" for key, value in sampling.items())
    facts = {"sampling_algorithm": f"{spec.sampling_algorithm.type}{f' ({settings})' if settings else ''}"}
    if spec.early_termination is not None:
        stopping = spec.early_termination.model_dump(mode="json", exclude={"type"}, exclude_none=True)
        settings = ", ".join(f"{key} {value}" for key, value in stopping.items())
        facts["early_termination"] = f"{spec.early_termination.type} ({settings})"
    what = spec.command.command if spec.command else spec.preset.model if spec.preset else ""
    return {"command" if spec.command else "model": what, **facts}


def _importance(spec: SweepSpec, trials: Sequence[Stored], log: Sequence[str]) -> Importance:
    flat = [replace(stored.trial, values=_flat(stored.trial.values)) for stored in trials]
    return importance(flat, spec.goals[0], log=log)


def _trial(stored: Stored) -> reports.TrialFigures:
    trial = stored.trial
    # Of a failed trial the end of what it said tells more than the sentence alone.
    reason = f"{trial.reason or ''}\n{stored.traceback}".strip() if stored.traceback else trial.reason
    return reports.TrialFigures(
        trial.number,
        trial.state,
        _flat(trial.values),
        trial.objectives,
        trial.reports,
        reason,
        stored.seconds,
        stored.run_id,
    )


def _parameters(space: Mapping[str, Any], prefix: str = "") -> Iterator[reports.ParameterFigures]:
    """The parameters of a space, and of the spaces nested in it as `outer.inner`, each with the kind of its axis."""
    for key, item in space.items():
        name = f"{prefix}{key}"
        if isinstance(item, Choice) and item.nested:
            for value in item.values:
                inner = value if isinstance(value, Mapping) else {}
                yield from _parameters(inner, f"{name}.") if inner else [reports.ParameterFigures(name, "category")]
        elif isinstance(item, Choice) or not isinstance(item, Distribution):
            yield reports.ParameterFigures(name, "category")
        else:
            yield reports.ParameterFigures(name, "log" if "log" in item.type else "linear")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
