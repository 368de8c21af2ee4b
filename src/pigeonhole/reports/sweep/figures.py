"""What a report of a sweep is drawn from. Plain values, so that whoever ran the sweep need not be known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Goal = Literal["maximize", "minimize"]
State = Literal["Completed", "Terminated", "Failed", "Running"]
Kind = Literal["linear", "log", "category"]


@dataclass(frozen=True)
class ParameterFigures:
    """One parameter of the search space.

    Attributes:
        name: as in the spec.
        kind: of its axis: `log` where its distribution is logarithmic, `category` for a choice, of numbers too. Values
            that are no numbers are drawn as categories in any case.
    """

    name: str
    kind: Kind = "linear"


@dataclass(frozen=True)
class TrialFigures:
    """One trial.

    Attributes:
        number: from 0.
        state: `Terminated` means stopped early by the policy.
        values: by parameter; a parameter that this trial does not have is absent.
        objectives: the final value of each objective; `None` where there is none.
        reports: the primary metric at intervals 1, 2, …; a value that is no number may be NaN or `None`.
        reason: why it was stopped or failed.
        seconds: how long it ran; `None` where unknown.
        run_id: its run; `None` where it has none.
    """

    number: int
    state: State
    values: Mapping[str, Any]
    objectives: Sequence[float | None] | None = None
    reports: Sequence[float | None] = ()
    reason: str | None = None
    seconds: float | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class SweepFigures:
    """A sweep.

    Attributes:
        name: of the sweep.
        metrics: the name of each objective, the primary metric first.
        goals: of each objective.
        parameters: in the order of the spec.
        trials: in the order of their numbers.
        best: the number of the best trial; `None` where none has a value, or where several objectives have a front.
        importance: the share of each parameter in the differences of the first objective, or `None`.
        importance_note: by what method it was told, or why it could not be told.
        seconds_saved: what stopping early saved, about; `None` where nothing can be stopped.
        pareto: the numbers of the trials on the Pareto front; empty for one objective.
        facts: more to say in the head of the page, by label (`dataset`, `sampling_algorithm`).
    """

    name: str
    metrics: Sequence[str]
    goals: Sequence[Goal]
    parameters: Sequence[ParameterFigures]
    trials: Sequence[TrialFigures]
    best: int | None = None
    importance: Mapping[str, float] | None = None
    importance_note: str | None = None
    seconds_saved: float | None = None
    pareto: Sequence[int] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
