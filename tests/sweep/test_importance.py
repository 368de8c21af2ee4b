from __future__ import annotations

import math
import random

import pytest

from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.sweep import importance as rating
from pigeonhole.sweep.importance import importance
from pigeonhole.sweep.trial import Trial


def trials(n=30, value=lambda a: a["x"], seed=0, **changes):
    rng = random.Random(seed)
    drawn = []
    for number in range(n):
        values = {"x": rng.random(), "y": rng.random(), "kind": rng.choice(["a", "b"]), "same": 3}
        drawn.append(Trial(number, values, "Completed", (), [value(values)], **changes))
    return drawn


@pytest.fixture(params=["fANOVA", "PED-ANOVA"])
def method(request, monkeypatch):
    if request.param == "PED-ANOVA":
        monkeypatch.setattr(rating, "_has_scikit_learn", lambda: False)
    return request.param


def test_the_parameter_that_makes_the_difference_leads(method):
    told = importance(trials(), "maximize")
    assert told.note == f"{method} over 30 trials"
    assert next(iter(told.shares)) == "x"
    assert told.shares["x"] > 0.5
    assert sum(told.shares.values()) == pytest.approx(1)
    assert set(told.shares) == {"x", "y", "kind"}  # `same` is the same throughout


def test_a_category_can_lead_and_the_goal_does_not_matter(method):
    for goal in ("maximize", "minimize"):
        told = importance(trials(value=lambda values: float(values["kind"] == "a")), goal)
        assert next(iter(told.shares)) == "kind"


def test_the_same_trials_give_the_same_shares(method):
    assert importance(trials(), "maximize") == importance(trials(), "maximize")


def test_a_parameter_over_powers_is_weighed_by_its_powers():
    rng = random.Random(1)
    powers = [rng.uniform(-9, 0) for _ in range(40)]
    drawn = [Trial(n, {"x": math.exp(p), "y": rng.random()}, "Completed", (), [p]) for n, p in enumerate(powers)]
    plain, weighed = importance(drawn, "maximize"), importance(drawn, "maximize", log={"x"})
    assert weighed.shares["x"] > plain.shares["x"]
    assert weighed.shares["x"] > 0.9


def test_parameters_that_not_every_trial_has_are_rated_too():
    rng = random.Random(2)
    drawn = []
    for number in range(30):
        own = {"gamma": rng.random()} if number % 2 else {"trees": rng.randrange(9)}
        kind = "svm" if number % 2 else "forest"
        drawn.append(Trial(number, {"kind": kind, **own}, "Completed", (), [float(number % 2) + own.get("gamma", 0)]))
    told = importance(drawn, "maximize")
    assert told.note == "PED-ANOVA over 30 trials"
    assert set(told.shares) == {"kind", "gamma", "trees"}


def test_values_that_are_no_plain_ones_are_categories():
    drawn = [Trial(n, {"x": [{"a": 1}, None, [2], "1", 1, True][n % 6]}, "Completed", (), [n % 6]) for n in range(18)]
    assert importance(drawn, "maximize").shares == {"x": 1}


def test_stopped_trials_count_with_the_best_that_they_reported_and_failed_ones_not_at_all():
    drawn = trials(12)
    stopped = [
        Trial(20 + n, {"x": 0.1 * n, "y": 0.5, "kind": "a", "same": 3}, "Terminated", [0.1 * n, 0.0]) for n in range(4)
    ]
    failed = [Trial(30, {"x": 0.9, "y": 0.5, "kind": "b", "same": 3}, "Failed", [0.99])]
    nan = [Trial(31, {"x": 0.9, "y": 0.5, "kind": "b", "same": 3}, "Completed", (), [math.nan])]
    assert importance([*drawn, *stopped, *failed, *nan], "maximize").note == "fANOVA over 16 trials"


def test_of_very_many_trials_some_are_enough(monkeypatch):
    monkeypatch.setattr(rating, "_MOST_TRIALS", 20)
    told = importance(trials(50), "maximize")
    assert told.note == "fANOVA over 17 trials"
    assert next(iter(told.shares)) == "x"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], "no parameter differs"),
        (trials(1), "no parameter differs"),
        (trials(4), "4 trials with a value, and at least 6 are needed for 3 parameters"),
        (trials(20, value=lambda values: 0.5), "all trials have the same value"),
        ([Trial(n, {"x": 1}, "Completed", (), [n]) for n in range(9)], "no parameter differs"),
        ([Trial(n, {"x": n}, "Failed") for n in range(9)], "no parameter differs"),
    ],
)
def test_what_cannot_be_told_is_not_made_up(given, reason):
    told = importance(given, "maximize")
    assert told.shares is None
    assert reason in told.note


def test_without_scikit_learn_it_is_ped_anova(monkeypatch):
    def missing(module, *, extra):
        if module == "sklearn":
            raise MissingDependencyError(module)
        return __import__(module)

    monkeypatch.setattr(rating, "require", missing)
    assert importance(trials(), "maximize").note == "PED-ANOVA over 30 trials"
