"""Sweeps without trainings: a sampler is asked as the contract says, and a function gives the values."""

from __future__ import annotations

from pigeonhole.sweep.samplers import Setting
from pigeonhole.sweep.space import SearchSpace
from pigeonhole.sweep.trial import Trial


def setting(parameters, *, goals=("maximize",), at_a_time=1, total=1000):
    return Setting(SearchSpace(parameters), goals, at_a_time, total)


def run(algorithm, working, score, most=1000):
    """The trials that a sweep has when every one of them ends well, each scored."""
    sampler = algorithm.sampler(working)
    ended = []
    for number in range(most):
        waits = sampler.waits_for(number)
        assert 0 <= waits <= number
        values = sampler.suggest(number, ended[:waits])
        if values is None:
            break
        objectives = score(values)
        ended.append(Trial(number, values, "Completed", (objectives[0],), objectives))
    return ended


def problems(algorithm, parameters, **more):
    return " / ".join(text for _, text in algorithm.problems(setting(parameters, **more)))
