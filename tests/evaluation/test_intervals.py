from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pigeonhole.evaluation import wilson
from pigeonhole.evaluation.interval import paired_difference


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case):
    hits, n = case
    theirs = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    ours = wilson(hits, n)
    assert ours.value == hits / n
    assert ours.low == pytest.approx(theirs.low, abs=1e-12)
    assert ours.high == pytest.approx(theirs.high, abs=1e-12)
    assert 0 <= ours.low <= ours.value <= ours.high <= 1


def test_the_textbook_value():
    ours = wilson(81, 263)
    assert (round(ours.low, 4), round(ours.high, 4)) == (0.2553, 0.3662)


def test_no_disagreement_is_a_difference_of_zero_with_room_on_both_sides():
    ours = paired_difference(0, 0, 100)
    assert ours.value == 0
    assert ours.low == pytest.approx(-ours.high)
    assert 0 < ours.high < 0.05


def test_the_interval_of_a_difference_holds_its_value_and_turns_round_with_the_models():
    ours, turned = paired_difference(3, 20, 1000), paired_difference(20, 3, 1000)
    assert ours.value == pytest.approx(0.017)
    assert ours.low < ours.value < ours.high
    assert (turned.low, turned.value, turned.high) == pytest.approx((-ours.high, -ours.value, -ours.low))


def test_the_interval_of_a_difference_covers_the_truth_about_as_often_as_it_says():
    import numpy as np

    rng = np.random.default_rng(0)
    n, only_first, only_second = 500, 0.01, 0.03
    draws = rng.multinomial(n, [only_first, only_second, 1 - only_first - only_second], size=2000)
    held = [
        ours.low <= only_second - only_first <= ours.high
        for ours in (paired_difference(int(a), int(b), n) for a, b, _ in draws)
    ]
    assert 0.93 < sum(held) / len(held) < 0.98
