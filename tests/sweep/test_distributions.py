"""Each distribution against its definition, written down a second time here."""

from __future__ import annotations

import json
import math
from statistics import NormalDist

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.sweep.distributions import (
    DISTRIBUTIONS,
    Choice,
    LogNormal,
    LogUniform,
    Normal,
    QLogNormal,
    QLogUniform,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
    read_distribution,
)

shares = st.floats(0, 1, exclude_max=True)
wholes = st.integers(1, 40)
decimals = st.floats(-50, 50).map(lambda x: round(x, 3))
quick = settings(max_examples=60, deadline=None)


@st.composite
def bounds(draw, low=-50.0, high=50.0):
    first, second = draw(st.floats(low, high)), draw(st.floats(low, high))
    least, greatest = min(first, second), max(first, second)
    return (least, greatest) if least < greatest else (least, least + 1.0)


def half_even(x, q):
    down = math.floor(x / q)
    rest = x / q - down
    up = rest > 0.5 or (rest == 0.5 and down % 2 == 1)
    return (down + up) * q


@given(bounds(), shares)
@quick
def test_uniform(limits, u):
    low, high = limits
    value = Uniform(min_value=low, max_value=high).value_at(u)
    assert low <= value <= high
    assert value == pytest.approx(low + u * (high - low))


@given(bounds(), wholes, shares)
@quick
def test_quniform(limits, q, u):
    low, high = limits
    value = QUniform(min_value=low, max_value=high, q=q).value_at(u)
    assert value == min(max(half_even(low + u * (high - low), q), low), high)
    assert value in QUniform(min_value=low, max_value=high, q=q).steps()


@given(bounds(-20, 20), shares)
@quick
def test_loguniform(limits, u):
    low, high = limits
    value = LogUniform(min_value=low, max_value=high).value_at(u)
    assert math.exp(low) <= value <= math.exp(high)
    assert math.log(value) == pytest.approx(low + u * (high - low), abs=1e-9)


@given(bounds(-3, 9), wholes, shares)
@quick
def test_qloguniform(limits, q, u):
    low, high = limits
    plain = LogUniform(min_value=low, max_value=high).value_at(u)
    value = QLogUniform(min_value=low, max_value=high, q=q).value_at(u)
    assert value == min(max(half_even(plain, q), math.exp(low)), math.exp(high))


@given(decimals, st.floats(0, 5), st.floats(0.001, 0.999))
@quick
def test_normal_and_lognormal(mu, sigma, u):
    quantile = mu + sigma * NormalDist().inv_cdf(u)
    assert Normal(mu=mu, sigma=sigma).value_at(u) == pytest.approx(quantile)
    assert LogNormal(mu=mu, sigma=sigma).value_at(u) == pytest.approx(math.exp(quantile))


@given(decimals, st.floats(0, 5), wholes, shares)
@quick
def test_qnormal_and_qlognormal(mu, sigma, q, u):
    plain = Normal(mu=mu, sigma=sigma).value_at(u)
    assert QNormal(mu=mu, sigma=sigma, q=q).value_at(u) == half_even(plain, q)
    grown = LogNormal(mu=mu / 10, sigma=sigma).value_at(u)
    assert QLogNormal(mu=mu / 10, sigma=sigma, q=q).value_at(u) == half_even(grown, q)


@given(st.integers(1, 10**6), shares)
@quick
def test_randint(upper, u):
    value = RandInt(upper=upper).value_at(u)
    assert type(value) is int
    assert 0 <= value < upper
    assert value == math.floor(u * upper)


def test_every_value_of_a_choice_and_of_randint_is_as_likely():
    draws = [k / 600 for k in range(600)]
    for distribution, values in ((Choice(values=("a", "b", "c")), "abc"), (RandInt(upper=3), (0, 1, 2))):
        drawn = [distribution.value_at(u) for u in draws]
        assert [drawn.count(value) for value in values] == [200, 200, 200]


def test_half_is_rounded_to_even_and_what_lies_outside_is_clipped():
    both = QUniform(min_value=0, max_value=4, q=1)
    assert [both.value_at(u) for u in (0.125, 0.375, 0.625, 0.875)] == [0, 2, 2, 4]
    assert QUniform(min_value=1, max_value=9, q=4).steps() == [1, 4, 8]
    assert QUniform(min_value=3, max_value=9, q=5).steps() == [5, 9]
    assert QLogUniform(min_value=0, max_value=2, q=5).value_at(0.0) == 1


def test_whole_values_are_ints_as_a_script_reads_them():
    value = QUniform(min_value=16, max_value=256, q=16).value_at(0.4)
    assert json.dumps(value) == "112"


@pytest.mark.parametrize("u", [0.0, 1 - 2.0**-53])
def test_an_unbounded_distribution_is_finite_at_both_ends(u):
    for distribution in (Normal(mu=0, sigma=1), LogNormal(mu=0, sigma=1), QNormal(mu=0, sigma=1, q=2)):
        assert math.isfinite(distribution.value_at(u))


EVERY_KIND = [
    Choice(values=(32, 64, 128)),
    Choice(values=(0.1, 0.2, 1)),
    Choice(values=("relu", "tanh")),
    Choice(values=(True, False)),
    RandInt(upper=7),
    Uniform(min_value=-0.1, max_value=0.7),
    QUniform(min_value=1, max_value=9, q=4),
    LogUniform(min_value=-6, max_value=-1),
    QLogUniform(min_value=0, max_value=5, q=3),
    Normal(mu=0.3, sigma=2),
    QNormal(mu=0, sigma=10, q=4),
    LogNormal(mu=-2, sigma=1),
    QLogNormal(mu=2, sigma=1, q=3),
    read_distribution(
        {
            "type": "choice",
            "values": [
                {"name": "sgd", "momentum": {"type": "uniform", "min_value": 0, "max_value": 0.99}, "nesterov": True},
                {"name": "adam", "beta": {"type": "choice", "values": [0.9, 0.99]}},
                {"name": "lamb"},
            ],
        },
        "optimizer",
    ),
]


@pytest.mark.parametrize("distribution", EVERY_KIND, ids=lambda distribution: distribution.type)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_values_come_back_from_what_optuna_stores(distribution, data):
    us = [data.draw(shares) for _ in range(distribution.dimensions)]
    value = distribution.draw(us)
    stored = distribution.to_optuna("x", value)
    read = {}
    for name, (inner, as_optuna) in stored.items():
        # This is what Optuna's storages keep: a float and the distribution's JSON.
        kept = float(as_optuna.to_internal_repr(inner))
        assert as_optuna._contains(kept)
        again = optuna.distributions.json_to_distribution(optuna.distributions.distribution_to_json(as_optuna))
        read[name] = again.to_external_repr(kept)
    back = distribution.from_optuna("x", read)
    assert back == value
    assert json.dumps(back) == json.dumps(value)


def test_a_nested_choice_draws_what_its_mapping_holds():
    nested = EVERY_KIND[-1]
    assert nested.dimensions == 3
    assert nested.draw([0.1, 0.5, 0.9]) == {"name": "sgd", "momentum": 0.495, "nesterov": True}
    assert nested.draw([0.5, 0.1, 0.9]) == {"name": "adam", "beta": 0.99}
    assert nested.draw([0.9, 0.1, 0.9]) == {"name": "lamb"}


def test_a_loguniform_says_what_its_bounds_are():
    note = LogUniform(min_value=-6, max_value=-1).note()
    assert "e^-6 = 0.002479" in note
    assert "e^-1 = 0.3679" in note
    assert "for 1e-6 to 1e-1 write -13.82 and -2.303" in note


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"type": "unifrom", "min_value": 0, "max_value": 1}, "did you mean 'uniform'?"),
        ({"min_value": 0, "max_value": 1}, "a mapping whose type is one of choice, randint"),
        ({"type": "uniform", "min_value": 1, "max_value": 1}, "min_value 1 is not below max_value 1"),
        ({"type": "uniform", "min_value": 0, "max_value": float("inf")}, "finite number"),
        ({"type": "uniform", "min_value": -1e308, "max_value": 1e308}, "further apart than numbers reach"),
        ({"type": "uniform", "min_vale": 1, "max_value": 2}, "min_vale: unknown key (did you mean 'min_value'?)"),
        ({"type": "quniform", "min_value": 0, "max_value": 1, "q": 0}, "greater than or equal to 1"),
        ({"type": "quniform", "min_value": 0, "max_value": 1, "q": 0.5}, "valid integer"),
        ({"type": "quniform", "min_value": 0, "max_value": 1}, "q: field required"),
        ({"type": "loguniform", "min_value": 0, "max_value": 1000}, "for values up to 1000 write 6.908"),
        ({"type": "loguniform", "min_value": -1000, "max_value": 0}, "e^-1000 is 0"),
        ({"type": "loguniform", "min_value": -1, "max_value": -6}, "min_value -1 is above max_value -6"),
        ({"type": "normal", "mu": 0, "sigma": -1}, "greater than or equal to 0"),
        ({"type": "lognormal", "mu": 700, "sigma": 5}, "beyond what a number holds"),
        ({"type": "randint", "upper": 0}, "greater than or equal to 1"),
        ({"type": "randint", "upper": 9, "lower": 1}, "lower: unknown key"),
        ({"type": "choice", "values": []}, "at least 1 item"),
        ({"type": "choice", "values": [1, 2, 1.0]}, "1.0 stands there twice"),
        ({"type": "choice", "values": [1, "a"]}, "numbers and texts are mixed"),
        ({"type": "choice", "values": [[1]]}, "a number, a text, true or false, or a mapping"),
        ({"type": "choice", "values": [float("nan")]}, "no number that a trial could use"),
        ({"type": "choice", "values": [{"a": {"type": "unifrom"}}]}, "did you mean 'uniform'?"),
        ({"type": "choice", "values": [{"type": "uniform", "min_value": 0, "max_value": 1}]}, "inside a mapping"),
    ],
)
def test_what_no_distribution_can_be_is_refused_with_the_reason(value, told):
    with pytest.raises(ValueError, match=r".") as error:
        read_distribution(value, "x")
    assert told in str(error.value)


def test_numbers_that_yaml_reads_as_text_are_numbers():
    assert Choice(values=("1e-3", "1e-2")).values == (0.001, 0.01)
    assert read_distribution({"type": "uniform", "min_value": "1e-3", "max_value": 1}, "x").min_value == 0.001


def test_all_ten_are_there_and_survive_json():
    assert len(DISTRIBUTIONS) == 10
    for distribution in EVERY_KIND:
        assert read_distribution(json.loads(json.dumps(distribution.model_dump(mode="json"))), "x") == distribution
