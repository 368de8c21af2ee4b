"""How much of the differences between trials each parameter explains; a pure function of the trials. Draws nothing."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.core.optional import require
from pigeonhole.sweep.trial import Goal, Trial

_LEAST_TRIALS = 5
_TRIALS_A_PARAMETER = 2
_SEED = 0
# fANOVA's time grows with the square of the trials: a thousand take 28 s with Optuna's 64 trees, and 300 with 16 one.
_TREES = 16
_MOST_TRIALS = 300


@dataclass(frozen=True)
class Importance:
    """The importance of the parameters.

    Attributes:
        shares: by parameter, the greatest first; they sum to 1. Parameters that had one value throughout are not in
            it. `None` where it cannot be told.
        note: by what method it was told and from how many trials, or why it cannot be told.
    """

    shares: Mapping[str, float] | None
    note: str


def importance(trials: Sequence[Trial], goal: Goal, *, objective: int = 0, log: Collection[str] = ()) -> Importance:
    """The share of each parameter in the differences of an objective.

    By fANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014) where every trial has every parameter and scikit-learn is
    installed, else by PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023), which tells what matters for being among
    the best tenth. A trial that was stopped early counts with the best that it had reported.

    Args:
        trials: of one sweep, in any state.
        goal: of the objective.
        objective: which one, from 0.
        log: the parameters that are spread over powers, so that a step is a factor.

    Raises:
        MissingDependencyError: Optuna is not installed.
    """
    valued = [(trial, value) for trial in trials if (value := _value(trial, goal, objective)) is not None]
    names = _differing([trial for trial, _ in valued])
    reason = _reason_against(valued, names)
    if reason:
        return Importance(None, reason)
    every = math.ceil(len(valued) / _MOST_TRIALS)
    whole = all(name in trial.values for trial, _ in valued for name in names)
    if whole and _has_scikit_learn():
        return _told(valued[::every], names, goal, log, "fANOVA")
    return _told(valued, names, goal, log, "PED-ANOVA")


def _value(trial: Trial, goal: Goal, objective: int) -> float | None:
    if trial.objectives is not None and objective < len(trial.objectives):
        value = float(trial.objectives[objective])
        return value if math.isfinite(value) else None
    reported = [value for value in trial.reports if math.isfinite(value)]
    if trial.state != "Terminated" or objective or not reported:
        return None
    return max(reported) if goal == "maximize" else min(reported)


def _differing(trials: Sequence[Trial]) -> list[str]:
    """The parameters that are not the same in all trials, in the order in which they first come."""
    names = dict.fromkeys(name for trial in trials for name in trial.values)
    absent = object()
    return [name for name in names if len({_key(trial.values.get(name, absent)) for trial in trials}) > 1]


def _reason_against(valued: Sequence[tuple[Trial, float]], names: Sequence[str]) -> str | None:
    if not names:
        return "no parameter differs between the trials that have a value"
    least = max(_LEAST_TRIALS, _TRIALS_A_PARAMETER * len(names))
    if len(valued) < least:
        return (
            f"{len(valued)} trial{'' if len(valued) == 1 else 's'} with a value, "
            f"and at least {least} are needed for {len(names)} parameter{'' if len(names) == 1 else 's'}"
        )
    if len({value for _, value in valued}) == 1:
        return "all trials have the same value"
    return None


def _told(
    valued: Sequence[tuple[Trial, float]], names: Sequence[str], goal: Goal, log: Collection[str], method: str
) -> Importance:
    optuna = require("optuna", extra="search")
    evaluators = optuna.importance
    with warnings.catch_warnings(), _quiet(optuna):
        warnings.simplefilter("ignore")  # Optuna warns that what we use may change
        study = optuna.create_study(direction=goal)
        study.add_trials(_frozen(optuna, valued, names, log))
        evaluator = (
            evaluators.FanovaImportanceEvaluator(seed=_SEED, n_trees=_TREES)
            if method == "fANOVA"
            else evaluators.PedAnovaImportanceEvaluator()
        )
        raw = evaluators.get_param_importances(study, evaluator=evaluator, params=None, normalize=False)
    # Optuna's own normalising would make equal shares of nothing at all.
    total = sum(float(raw.get(name, 0.0)) for name in names)
    if not math.isfinite(total) or total <= 0:
        return Importance(None, f"{method} finds no parameter that explains a difference")
    shares = {name: float(raw.get(name, 0.0)) / total for name in names}
    ranked = dict(sorted(shares.items(), key=lambda entry: -entry[1]))
    return Importance(ranked, f"{method} over {len(valued)} trials")


def _frozen(
    optuna: Any, valued: Sequence[tuple[Trial, float]], names: Sequence[str], log: Collection[str]
) -> list[Any]:
    values = {name: [_plain(trial.values[name]) for trial, _ in valued if name in trial.values] for name in names}
    scales = {name: _Scale.of(values[name], name in log) for name in names}
    spread = {name: scales[name].distribution(optuna.distributions) for name in names}
    frozen = []
    for trial, value in valued:
        there = [name for name in names if name in trial.values]
        frozen.append(
            optuna.trial.create_trial(
                params={name: scales[name].of_value(_plain(trial.values[name])) for name in there},
                distributions={name: spread[name] for name in there},
                value=value,
            )
        )
    return frozen


@dataclass(frozen=True)
class _Scale:
    """How the values of a parameter are given to Optuna: numbers as they are or as logarithms, the rest as names."""

    values: tuple[Any, ...]
    numeric: bool
    log: bool

    @classmethod
    def of(cls, values: Sequence[Any], log: bool) -> _Scale:
        numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        return cls(tuple(values), numeric, log and numeric and min(values) > 0)

    def of_value(self, value: Any) -> Any:
        if not self.numeric:
            return _key(value)
        return math.log(value) if self.log else float(value)

    def distribution(self, distributions: Any) -> Any:
        given = [self.of_value(value) for value in self.values]
        if not self.numeric:
            return distributions.CategoricalDistribution(sorted(set(given)))
        return distributions.FloatDistribution(min(given), max(given))


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value, sort_keys=True)


def _key(value: Any) -> str:
    """Equal for equal values, with a text told from the number that it spells."""
    return json.dumps(value, sort_keys=True, default=repr)


def _has_scikit_learn() -> bool:
    try:
        require("sklearn", extra="train")
    except MissingDependencyError:
        return False
    return True


class _quiet:  # noqa: N801 - used as a word in a `with`
    """Optuna tells of every study that it makes; nobody asked."""

    def __init__(self, optuna: Any) -> None:
        self._logging = optuna.logging

    def __enter__(self) -> None:
        self._before = self._logging.get_verbosity()
        self._logging.set_verbosity(self._logging.WARNING)

    def __exit__(self, *exception: object) -> None:
        self._logging.set_verbosity(self._before)
