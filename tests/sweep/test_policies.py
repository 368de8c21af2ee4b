"""Each policy on examples worked out by hand. What all of them promise is in test_policy_contract."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pigeonhole.sweep.policies import Bandit, Hyperband, MedianStopping, TruncationSelection
from pigeonhole.sweep.trial import Trial

histories = st.lists(st.lists(st.floats(-10, 10), max_size=4), max_size=8)


def trials(*reports):
    return [Trial(number, {}, reports=tuple(own)) for number, own in enumerate(reports)]


def stops(policy, own, *others, goal="maximize"):
    return policy.reason_to_stop(len(others), own, trials(*others), goal) is not None


@pytest.mark.parametrize(
    ("interval", "delay", "applied"),
    [(1, 0, [1, 2, 3, 4, 5, 6]), (2, 0, [2, 4, 6]), (2, 4, [4, 6]), (2, 5, [6]), (3, 1, [3, 6])],
)
def test_a_policy_applies_at_multiples_of_its_interval_after_the_delay(interval, delay, applied):
    for policy in (
        Bandit(slack_factor=0.1, evaluation_interval=interval, delay_evaluation=delay),
        MedianStopping(evaluation_interval=interval, delay_evaluation=delay),
        TruncationSelection(truncation_percentage=20, evaluation_interval=interval, delay_evaluation=delay),
    ):
        assert [n for n in range(1, 7) if policy.applies(n)] == applied


def test_bandit_of_azures_own_example():
    # The best is 0.8 and the slack 0.2: whatever is below 0.8 / 1.2 = 0.667 stops.
    policy = Bandit(slack_factor=0.2)
    assert policy.bound(0.8, "maximize") == pytest.approx(0.6667, abs=1e-4)
    assert stops(policy, [0.66], [0.8])
    assert not stops(policy, [0.67], [0.8])
    assert not stops(policy, [0.8 / 1.2], [0.8])


def test_bandit_says_why_with_its_figures():
    reason = Bandit(slack_factor=0.2).reason_to_stop(3, [0.5, 0.6], trials([0.7, 0.7], [0.6, 0.8], [0.1]), "maximize")
    assert reason == (
        "bandit: at interval 2 its best 0.6 is below 0.6667,"
        " which is the best of all (0.8, trial 1) with slack_factor 0.2"
    )


def test_bandit_compares_the_best_so_far_on_both_sides():
    policy = Bandit(slack_amount=0.1)
    assert not stops(policy, [0.8, 0.1], [0.7, 0.8])
    assert stops(policy, [0.6, 0.65], [0.8, 0.2])


@pytest.mark.parametrize(("best", "amount"), [(0.8, 0.2), (0.9, 0.1), (0.3, 0.1), (-0.3, 0.1), (1e6, 0.1)])
def test_bandit_spares_what_is_worse_by_exactly_the_slack(best, amount):
    # 0.8 - 0.2 is 0.6000000000000001 in floating point, which 0.6 is "below".
    at_bound = round(best - amount, 6)
    assert not stops(Bandit(slack_amount=amount), [at_bound], [best])
    assert stops(Bandit(slack_amount=amount), [at_bound - 0.001], [best])
    assert not stops(Bandit(slack_amount=amount), [-at_bound], [-best], goal="minimize")
    assert stops(Bandit(slack_amount=amount), [-at_bound + 0.001], [-best], goal="minimize")


def test_bandit_minimized():
    policy = Bandit(slack_factor=0.1)
    assert policy.bound(0.5, "minimize") == pytest.approx(0.55)
    assert stops(policy, [0.56], [0.5], goal="minimize")
    assert not stops(policy, [0.55], [0.5], goal="minimize")


def test_bandit_with_a_negative_best_has_its_bound_on_the_worse_side():
    policy = Bandit(slack_factor=0.5)
    assert policy.bound(-3.0, "maximize") == pytest.approx(-4.0)
    assert policy.bound(-3.0, "minimize") == pytest.approx(-1.5)
    assert not stops(policy, [-3.0], [-3.0])
    assert not stops(policy, [-4.0], [-3.0])
    assert stops(policy, [-4.1], [-3.0])


@pytest.mark.parametrize(
    "slack", [{}, {"slack_factor": 0.1, "slack_amount": 0.1}, {"slack_factor": -0.1}, {"slack_amount": -1}]
)
def test_bandit_wants_exactly_one_slack_of_at_least_zero(slack):
    with pytest.raises(ValidationError):
        Bandit(**slack)


def test_median_stopping_by_hand():
    # Running averages at interval 2: 0.5, 0.7, 0.9 and its own; best so far of the trial against their median.
    others = ([0.4, 0.6], [0.6, 0.8], [0.8, 1.0])
    assert stops(MedianStopping(), [0.5, 0.59], *others)  # averages 0.5 0.545 0.7 0.9, median 0.6225
    assert not stops(MedianStopping(), [0.1, 0.65], *others)  # its average 0.375, median (0.5 + 0.7) / 2 = 0.6
    assert stops(MedianStopping(), [0.1, 0.55], *others)


def test_median_stopping_counts_short_trials_with_what_they_have_and_silent_ones_not():
    assert not stops(MedianStopping(), [0.1, 0.1], [0.9, 0.9])
    assert not stops(MedianStopping(), [0.1, 0.1], [0.9, 0.9], [])
    assert stops(MedianStopping(), [0.1, 0.1], [0.9, 0.9], [0.8])
    reason = MedianStopping().reason_to_stop(2, [0.1, 0.1], trials([0.9, 0.9], [0.8]), "maximize")
    assert "0.1 is below 0.8, the median of the running averages of 3 trials" in reason


def test_a_trial_that_diverged_spares_no_other():
    infinite = float("inf")
    assert stops(MedianStopping(), [0.9], [infinite], [0.1], [0.2], [0.3], [0.4], goal="minimize")
    assert stops(Bandit(slack_amount=0.1), [0.9], [infinite], [0.1], goal="minimize")
    assert stops(Bandit(slack_amount=0.1), [infinite], [0.1], goal="minimize")


def test_truncation_selection_by_hand():
    # Of five trials 40% are two places.
    policy = TruncationSelection(truncation_percentage=40)
    others = ([0.9], [0.8], [0.7], [0.1])
    assert stops(policy, [0.05], *others)
    assert stops(policy, [0.5], *others)
    assert not stops(policy, [0.75], *others)
    # Of four, 24% are no place at all.
    assert not stops(TruncationSelection(truncation_percentage=24), [0.0], [1.0], [1.0], [1.0])
    assert stops(TruncationSelection(truncation_percentage=25), [0.0], [1.0], [1.0], [1.0])


def test_truncation_selection_ranks_by_the_value_at_the_interval_and_an_ended_trial_by_its_last():
    policy = TruncationSelection(truncation_percentage=50)
    assert stops(policy, [0.9, 0.1], [0.1, 0.2])
    assert stops(policy, [0.5, 0.5, 0.5], [0.7])
    assert not stops(policy, [0.5, 0.5, 0.5], [0.7], [0.4])


def test_equal_trials_do_not_stop_each_other():
    policy = TruncationSelection(truncation_percentage=50)
    assert not stops(policy, [0.1], [0.1], [0.1], [0.1])


def test_hyperband_gives_brackets_trials_in_its_proportions():
    # With R = 81 and η = 3 the paper's brackets start 81, 34, 15, 8 and 5 trials.
    policy = Hyperband(max_resource=81)
    given = [policy.bracket(number) for number in range(143)]
    assert [given.count(bracket) for bracket in range(5)] == [5, 8, 15, 34, 81]
    assert [policy.bracket(number + 143) for number in range(143)] == given
    assert [policy.rungs(bracket) for bracket in range(5)] == [[], [27], [9, 27], [3, 9, 27], [1, 3, 9, 27]]
    assert [n for n in range(1, 100) if policy.applies(n)] == [1, 3, 9, 27]


def test_hyperband_keeps_a_third_of_those_that_came_to_the_rung():
    policy = Hyperband(max_resource=3)
    same = [number for number in range(20) if policy.bracket(number) == 1]
    others = [Trial(number, {}, reports=(0.1 * place,)) for place, number in enumerate(same[:5], 1)]
    judged = same[5]
    assert policy.reason_to_stop(judged, [0.45], others, "maximize") is None
    assert policy.reason_to_stop(judged, [0.35], others, "maximize").endswith(
        "is number 3 of 6 trials of bracket 1; the best 2 go on"
    )
    free = next(number for number in range(20) if policy.bracket(number) == 0)
    assert policy.reason_to_stop(free, [0.0], others, "maximize") is None


def test_hyperband_that_could_never_stop_anything_is_refused():
    with pytest.raises(ValidationError, match="nothing would ever be stopped"):
        Hyperband(max_resource=2)


@given(own=st.lists(st.floats(-10, 10), min_size=1, max_size=4), others=histories)
@settings(max_examples=80, deadline=None)
def test_maximizing_a_metric_is_minimizing_its_negative(own, others):
    shown = [values[: len(own)] for values in others]
    mirrored = [[-value for value in values] for values in shown]
    for policy in (
        Bandit(slack_amount=0.5),
        MedianStopping(),
        TruncationSelection(truncation_percentage=30),
        Hyperband(max_resource=9),
    ):
        assert stops(policy, own, *shown) == stops(policy, [-value for value in own], *mirrored, goal="minimize")
