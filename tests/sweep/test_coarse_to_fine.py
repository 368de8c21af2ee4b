from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.sweep.distributions import Choice, LogUniform, Normal, QLogUniform, QUniform, RandInt, Uniform
from pigeonhole.sweep.samplers.coarse_to_fine import CoarseToFine
from pigeonhole.sweep.trial import Trial

from .searching import problems, run, setting

BOTH = {"C": LogUniform(min_value=-3, max_value=5), "gamma": LogUniform(min_value=-6, max_value=0)}


def key(trial):
    return json.dumps(trial.values)


def test_the_first_stage_is_a_grid_over_the_whole_range_on_the_parameters_own_scale():
    sampler = CoarseToFine(points=3, stages=1).sampler(
        setting({"C": LogUniform(min_value=-2, max_value=2), "kernel": Choice(values=("rbf", "linear"))})
    )
    trials = [sampler.suggest(n, []) for n in range(7)]
    assert [(t["C"], t["kernel"]) for t in trials[:6]] == [
        (pytest.approx(math.exp(x)), kernel) for x in (-2, 0, 2) for kernel in ("rbf", "linear")
    ]
    assert trials[6] is None


def test_later_stages_fit_between_the_neighbours_of_the_best_and_fill_up_close_to_it():
    def tried(score):
        ended = run(CoarseToFine(points=3, stages=3), setting({"x": Uniform(min_value=0, max_value=8)}), score)
        return [trial.values["x"] for trial in ended]

    # 0 4 8 whole; 4 is best: by 2 around it, and what is free (4 was tried) goes next to it; 3 is best: between those.
    assert tried(lambda values: (-abs(values["x"] - 3),)) == [0, 4, 8, 2, 6, 3, 2.5, 3.5, 1.5]
    # At the end of the range half of each grid is clipped.
    assert tried(lambda values: (values["x"],)) == [0, 4, 8, 6, 7, 5, 7.5, 6.5, 7.75]


def test_it_waits_for_the_stage_before_and_nothing_else():
    sampler = CoarseToFine(points=3, stages=3).sampler(setting(BOTH))
    assert [sampler.waits_for(n) for n in (0, 8, 9, 17, 18, 26)] == [0, 0, 9, 9, 18, 18]
    assert sampler.suggest(27, []) is None


@given(
    optimum=st.tuples(st.floats(-3, 5), st.floats(-6, 0)),
    points=st.integers(2, 6),
    goal=st.sampled_from(["maximize", "minimize"]),
)
@settings(max_examples=25, deadline=None)
def test_it_converges_on_the_optimum_and_tries_nothing_twice(optimum, points, goal):
    def distance(values):
        return max(abs(math.log(values["C"]) - optimum[0]) / 8, abs(math.log(values["gamma"]) - optimum[1]) / 6)

    sign = -1 if goal == "maximize" else 1
    ended = run(
        CoarseToFine(points=points, stages=3), setting(BOTH, goals=(goal,)), lambda values: (sign * distance(values),)
    )
    assert len(ended) == 3 * points**2
    assert len({key(trial) for trial in ended}) == len(ended)
    per_stage = [min(map(distance, (t.values for t in ended[: (n + 1) * points**2]))) for n in range(3)]
    # The optimum is within half a spacing of a stage's best point; the next grid is by (points + 1) / 2 finer.
    spacing = 1 / (points - 1)
    assert per_stage[0] <= spacing / 2 + 1e-9
    assert per_stage[2] <= spacing / 2 * (2 / (points + 1)) ** 2 + 1e-9


@given(data=st.data(), upper=st.integers(1, 12), points=st.integers(2, 5), stages=st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_coarse_values_are_never_tried_twice_and_end_when_all_are_tried(data, upper, points, stages):
    parameters = {
        "n": RandInt(upper=upper),
        "q": QUniform(min_value=1, max_value=7, q=2),
        "k": QLogUniform(min_value=0, max_value=3, q=1),
        "c": Choice(values=("a", "b")),
    }
    used = {name: parameters[name] for name in data.draw(st.sets(st.sampled_from(sorted(parameters)), min_size=1))}
    score = {}
    ended = run(
        CoarseToFine(points=points, stages=stages),
        setting(used),
        lambda values: (score.setdefault(json.dumps(values), data.draw(st.floats(0, 1))),),
    )
    assert len({key(trial) for trial in ended}) == len(ended)
    assert all(set(trial.values) == set(used) for trial in ended)


def test_a_choice_keeps_its_best_value_after_the_first_stage():
    parameters = {"C": LogUniform(min_value=-1, max_value=1), "kernel": Choice(values=("rbf", "poly", "linear"))}
    ended = run(CoarseToFine(points=3), setting(parameters), lambda v: (float(v["kernel"] == "poly") - v["C"] / 100,))
    assert len(ended) == 9 + 3 + 3
    assert {trial.values["kernel"] for trial in ended[9:]} == {"poly"}


def test_failed_trials_are_no_centre_and_without_any_good_one_there_is_nothing_left():
    sampler = CoarseToFine(points=3).sampler(setting({"x": Uniform(min_value=0, max_value=1)}))
    first = [sampler.suggest(n, []) for n in range(3)]
    failed = [Trial(n, values, "Failed") for n, values in enumerate(first)]
    assert sampler.suggest(3, failed) is None
    one = [*failed[:2], Trial(2, first[2], "Completed", (0.1,), (0.1,))]
    assert sampler.suggest(3, one)["x"] > 0.5


def test_points_may_differ_by_parameter():
    ended = run(CoarseToFine(points={"C": 4, "gamma": 2}, stages=2), setting(BOTH), lambda values: (values["C"],))
    assert len(ended) == 16


def test_what_has_no_stages_is_refused():
    assert "it has no range" in problems(CoarseToFine(), {"x": Normal(mu=0, sigma=1)})
    assert "75 trials, and limits.max_total_trials is 50" in problems(CoarseToFine(points=5), BOTH, total=50)
    assert "take grid" in problems(CoarseToFine(), {"c": Choice(values=(1, 2))})
    assert "several have no single best" in problems(CoarseToFine(), BOTH, goals=("maximize", "minimize"))
    assert "1 points for C; 2 to 1000" in problems(CoarseToFine(points=1), BOTH)
    told = problems(CoarseToFine(points={"c": 3, "gamma": 3}), BOTH)
    assert "c is no parameter with a range" in told
    assert "no number of points for C" in told
