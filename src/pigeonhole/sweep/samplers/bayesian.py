"""Bayesian search: Optuna's tree-structured Parzen estimator, shown exactly the trials that the contract allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

from typing_extensions import override

from pigeonhole.core.optional import require
from pigeonhole.core.seeds import derive
from pigeonhole.sweep.distributions import Choice, Distribution, QUniform, Uniform
from pigeonhole.sweep.samplers.base import Problem, SamplingAlgorithm, Setting, refused
from pigeonhole.sweep.samplers.random import RandomSampler
from pigeonhole.sweep.trial import Goal, Sampler, Trial, Values

MOST_STEPS = 100_000
# Before so many trials ended well there is nothing to learn from, and values are drawn at random.
_FIRST_AT_RANDOM = 10
_TRIALS_A_PARAMETER = 20
_TRIALS_AT_A_TIME = 20


class Bayesian(SamplingAlgorithm):
    """`bayesian`, over choice, uniform and quniform; trial n knows of the first `n - c + 1`, with c at a time."""

    type: Literal["bayesian"] = "bayesian"
    stoppable: ClassVar[bool] = False

    @property
    @override
    def waits(self) -> bool:
        return True

    @override
    def problems(self, setting: Setting) -> Iterable[Problem]:
        yield from refused(setting, [Choice, Uniform, QUniform], "bayesian sampling does not take it (nor on Azure ML)")
        for name, distribution in setting.space.parameters.items():
            if isinstance(distribution, Choice) and distribution.nested:
                yield ("search_space", name), "bayesian sampling takes plain values; name what is nested as parameters"
            if isinstance(distribution, QUniform):
                yield from (((("search_space", name)), problem) for problem in _steps_problems(distribution))

    @override
    def notes(self, setting: Setting) -> Iterable[str]:
        few = _TRIALS_A_PARAMETER * len(setting.space.parameters)
        if setting.total < few:
            yield f"bayesian sampling pays from {few} trials on (20 a parameter); there are {setting.total}"
        if setting.at_a_time > _TRIALS_AT_A_TIME:
            yield f"of {setting.at_a_time} trials at a time each learns little from the others; at most 20 are advised"

    @override
    def sampler(self, setting: Setting) -> Sampler:
        return BayesianSampler(setting, self.seed)


@dataclass(frozen=True)
class BayesianSampler:
    """Builds a study in memory from the trials shown, and asks it once."""

    setting: Setting
    seed: int

    def waits_for(self, number: int) -> int:
        """All but those that may run beside it."""
        return max(0, number - self.setting.at_a_time + 1)

    def suggest(self, number: int, ended: Sequence[Trial]) -> Values:
        """At random for the first ones; then where good trials lie dense and bad ones do not."""
        good = [trial for trial in ended if trial.state == "Completed" and trial.objectives is not None]
        if len(good) < _FIRST_AT_RANDOM:
            return RandomSampler(self.setting.space, self.seed).suggest(number, ended)
        study = self._study(derive(self.seed, "sweep", "bayesian", number) % 2**32, good)
        distributions = {name: axis.distribution() for name, axis in self._axes.items()}
        asked = study.ask(fixed_distributions=distributions).params
        return {name: axis.value(asked[name]) for name, axis in self._axes.items()}

    def _study(self, seed: int, good: Sequence[Trial]) -> Any:
        optuna = require("optuna", extra="search")
        storage = optuna.storages.InMemoryStorage()
        # Not `create_study`, which tells the log of each.
        storage.create_new_study([_direction(optuna, goal) for goal in self.setting.goals], "shown")
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0)
        study = optuna.Study("shown", storage, sampler)
        study.add_trials([self._as_optuna(optuna, trial) for trial in good])
        return study

    def _as_optuna(self, optuna: Any, trial: Trial) -> Any:
        return optuna.trial.create_trial(
            values=list(trial.objectives or ()),
            params={name: axis.place(trial.values[name]) for name, axis in self._axes.items()},
            distributions={name: axis.distribution() for name, axis in self._axes.items()},
        )

    @cached_property
    def _axes(self) -> Mapping[str, _Axis]:
        return {name: _Axis(distribution) for name, distribution in self.setting.space.parameters.items()}


@dataclass(frozen=True)
class _Axis:
    """A parameter as the estimator sees it: a real number, or the index of a value."""

    of: Distribution

    def distribution(self) -> Any:
        distributions = require("optuna.distributions", extra="search")
        if isinstance(self.of, Choice):
            return distributions.CategoricalDistribution(list(range(len(self.values))))
        if isinstance(self.of, QUniform):
            return distributions.IntDistribution(0, len(self.values) - 1)
        return self.of.optuna_distribution()

    def place(self, value: Any) -> Any:
        return self.values.index(value) if self.values else value

    def value(self, place: Any) -> Any:
        return self.values[place] if self.values else place

    @cached_property
    def values(self) -> list[Any]:
        """All values where they can be counted; of real numbers none."""
        if isinstance(self.of, Choice):
            return list(self.of.values)
        return self.of.steps() if isinstance(self.of, QUniform) else []


def _steps_problems(distribution: QUniform) -> Iterable[str]:
    if not (distribution.min_value.is_integer() and distribution.max_value.is_integer()):
        yield "quniform: bayesian sampling takes whole numbers as min_value and max_value (as on Azure ML)"
    steps = (distribution.max_value - distribution.min_value) / distribution.q
    if steps > MOST_STEPS:
        yield f"quniform: {steps:,.0f} steps of q; bayesian sampling takes at most {MOST_STEPS:,} (as on Azure ML)"


def _direction(optuna: Any, goal: Goal) -> Any:
    direction = optuna.study.StudyDirection
    return direction.MAXIMIZE if goal == "maximize" else direction.MINIMIZE
