from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.sweep.distributions import Choice, LogUniform, QUniform, Uniform, read_distribution
from pigeonhole.sweep.samplers.bayesian import Bayesian
from pigeonhole.sweep.samplers.coarse_to_fine import CoarseToFine
from pigeonhole.sweep.samplers.grid import Grid
from pigeonhole.sweep.samplers.random import Random
from pigeonhole.sweep.trial import Trial

from .searching import problems, run, setting

MIXED = {
    "units": Choice(values=(32, 64, 128)),
    "rate": LogUniform(min_value=-6, max_value=-1),
    "dropout": Uniform(min_value=0, max_value=0.9),
}
PLAIN = {
    "units": Choice(values=(32, 64, 128)),
    "epochs": QUniform(min_value=1, max_value=9, q=2),
    "dropout": Uniform(min_value=0, max_value=0.9),
}


def flat(values):
    return (-abs(values["dropout"] - 0.3) - abs(values["units"] - 64) / 100,)


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        (Random(seed=3), MIXED),
        (Random(seed=3, rule="sobol"), MIXED),
        (Grid(), {"a": Choice(values=(1, 2)), "b": Choice(values=("x", "y", "z"))}),
        (Bayesian(seed=3), PLAIN),
        (CoarseToFine(points=3, stages=2), MIXED),
    ],
)
def test_a_sampler_is_a_function_of_what_it_is_shown(algorithm, parameters):
    working = setting(parameters, at_a_time=2)
    score = (lambda values: (values["a"],)) if "a" in parameters else flat
    ended = run(algorithm, working, score, most=16)
    again = algorithm.sampler(working)
    for number in [*reversed(range(len(ended))), *range(len(ended))]:
        shown = ended[: again.waits_for(number)]
        assert again.suggest(number, shown) == ended[number].values
        assert again.suggest(number, shown) == ended[number].values


def test_another_seed_gives_other_trials():
    for rule in ("random", "sobol"):
        first, second = (Random(seed=seed, rule=rule).sampler(setting(MIXED)) for seed in (0, 1))
        assert [first.suggest(n, []) for n in range(4)] != [second.suggest(n, []) for n in range(4)]


def test_one_more_parameter_leaves_the_random_values_of_the_others():
    fewer = Random().sampler(setting({"dropout": MIXED["dropout"]})).suggest(5, [])
    assert Random().sampler(setting(MIXED)).suggest(5, [])["dropout"] == fewer["dropout"]


def test_random_draws_spread_evenly():
    sampler = Random(seed=1).sampler(setting({"x": Uniform(min_value=0, max_value=1)}))
    draws = [sampler.suggest(n, [])["x"] for n in range(1000)]
    counts = [sum(k / 10 <= x < (k + 1) / 10 for x in draws) for k in range(10)]
    assert all(70 <= count <= 130 for count in counts)


@given(seed=st.integers(0, 2**40), power=st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_sobol_fills_every_cell_and_every_choice_once(seed, power):
    parameters = {
        "u": Uniform(min_value=0, max_value=1),
        "c": Choice(values=(1, 2, 3, 4)),
        "v": Uniform(min_value=0, max_value=1),
    }
    sampler = Random(seed=seed, rule="sobol").sampler(setting(parameters))
    count = 2**power
    points = [sampler.suggest(n, []) for n in range(count)]
    for name in ("u", "v"):
        assert sorted(math.floor(point[name] * count) for point in points) == list(range(count))
    assert [sum(point["c"] == k for point in points) for k in (1, 2, 3, 4)] == [count // 4] * 4


def test_sobol_is_the_same_on_every_machine():
    sampler = Random(seed=7, rule="sobol").sampler(setting(MIXED))
    assert [sampler.suggest(n, [])["units"] for n in range(8)] == [128, 64, 32, 128, 64, 32, 32, 128]
    assert sampler.suggest(5, []) == {
        "units": 32,
        "rate": pytest.approx(0.0219133417, rel=1e-8),
        "dropout": pytest.approx(0.6869995279, rel=1e-8),
    }
    assert sampler.suggest(700, []) == sampler.suggest(700, [])


def test_a_grid_is_complete_and_row_by_row():
    axes = {"a": (1, 2), "b": ("x", "y", "z"), "c": (0.1, 0.2)}
    sampler = Grid().sampler(setting({name: Choice(values=values) for name, values in axes.items()}))
    rows = [dict(zip(axes, row, strict=True)) for row in itertools.product(*axes.values())]
    assert [sampler.suggest(n, []) for n in range(12)] == rows
    assert sampler.suggest(12, []) is None


def test_a_grid_multiplies_out_what_a_mapping_holds():
    nested = read_distribution(
        {"type": "choice", "values": [{"name": "sgd", "m": {"type": "choice", "values": [0, 0.9]}}, {"name": "adam"}]},
        "o",
    )
    sampler = Grid().sampler(setting({"o": nested}))
    assert [sampler.suggest(n, []) for n in range(4)] == [
        {"o": {"name": "sgd", "m": 0}},
        {"o": {"name": "sgd", "m": 0.9}},
        {"o": {"name": "adam"}},
        None,
    ]


def test_bayesian_learns_where_random_does_not():
    def score(values):
        return (-((values["dropout"] - 0.31) ** 2) - (values["units"] != 64) - abs(values["epochs"] - 7) / 10,)

    learned = run(Bayesian(seed=1), setting(PLAIN), score, most=40)
    drawn = run(Random(seed=1), setting(PLAIN), score, most=40)
    assert [trial.values for trial in learned[:10]] == [trial.values for trial in drawn[:10]]
    late, random = (sum(trial.objectives[0] for trial in ended[20:]) / 20 for ended in (learned, drawn))
    assert late > random + 0.2
    assert {trial.values["epochs"] for trial in learned} <= {1, 2, 4, 6, 8, 9}


def test_bayesian_minimizes_where_that_is_the_goal():
    ended = run(Bayesian(seed=2), setting(PLAIN, goals=("minimize",)), lambda v: (v["dropout"],), most=30)
    assert sum(trial.values["dropout"] for trial in ended[20:]) / 10 < 0.3


def test_bayesian_knows_those_that_cannot_run_beside_it_and_no_failed_one():
    sampler = Bayesian().sampler(setting(PLAIN, at_a_time=4))
    assert [sampler.waits_for(n) for n in range(7)] == [0, 0, 0, 0, 1, 2, 3]
    good = run(Bayesian(), setting(PLAIN), flat, most=12)
    failed = [Trial(number, trial.values, "Failed") for number, trial in enumerate(good, 12)]
    assert sampler.suggest(30, good) == sampler.suggest(30, [*good, *failed])


def test_bayesian_takes_several_objectives():
    working = setting(PLAIN, goals=("maximize", "minimize"))
    ended = run(Bayesian(seed=1), working, lambda values: (values["dropout"], values["epochs"]), most=16)
    assert len(ended) == 16


def test_what_a_sampler_cannot_search_is_refused():
    nested = read_distribution(
        {"type": "choice", "values": [{"lr": {"type": "uniform", "min_value": 0, "max_value": 1}}]}, "o"
    )
    assert "loguniform: a grid would have no end; choice is accepted" in problems(Grid(), MIXED)
    assert "a mapping holds more than choices" in problems(Grid(), {"o": nested})
    assert "loguniform: bayesian sampling does not take it" in problems(Bayesian(), MIXED)
    assert "takes plain values" in problems(Bayesian(), {"o": nested})
    steps = {"q": QUniform(min_value=0, max_value=200_000, q=1), "r": QUniform(min_value=0.5, max_value=3, q=1)}
    assert "200,000 steps of q" in problems(Bayesian(), steps)
    assert "takes whole numbers as min_value" in problems(Bayesian(), steps)
    assert not problems(Random(rule="sobol"), MIXED)


def test_notes_tell_of_a_grid_cut_short_and_of_a_short_bayesian_search():
    axis = Choice(values=tuple(range(10)))
    assert "100 combinations; limits.max_total_trials stops after 20" in " ".join(
        Grid().notes(setting({"a": axis, "b": axis}, total=20))
    )
    assert "pays from 60 trials on" in " ".join(Bayesian().notes(setting(PLAIN, total=20)))
