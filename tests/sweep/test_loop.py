"""The loop with real workers and real storage: what a sweep is however its trials are timed."""

from __future__ import annotations

import pytest

from pigeonhole.compute import LocalCompute
from pigeonhole.core.errors import SpecError
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.plan import Objective

from . import plans


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, compute):
    """A sweep whose trials take no time."""
    space = Workspace(tmp_path_factory.mktemp("undisturbed") / ".pigeonhole")
    return plans.sweep(space, compute, policy=plans.AtLeastHalf())


def test_a_sweep_ends_the_same_whatever_takes_how_long(space, compute, undisturbed):
    ended = plans.sweep(space, compute, policy=plans.AtLeastHalf(), arguments={"longest_s": 0.02})
    assert plans.facts(ended.trials) == plans.facts(undisturbed.trials)
    states = [stored.trial.state for stored in ended.trials]
    assert states[0] == "Completed"
    assert {"Completed", "Terminated"} == set(states)
    assert plans.finished(space) == list(range(8))


def test_one_at_a_time_is_the_same_sweep(space, compute, undisturbed):
    ended = plans.sweep(space, compute, policy=plans.AtLeastHalf(), max_concurrent_trials=1)
    assert plans.facts(ended.trials) == plans.facts(undisturbed.trials)


def test_a_trial_that_is_stopped_keeps_what_it_had(undisturbed):
    stopped = [stored for stored in undisturbed.trials if stored.trial.state == "Terminated"]
    for stored in stopped:
        assert len(stored.trial.reports) % 2 == 0
        assert len(stored.trial.reports) < stored.intervals
        assert stored.trial.objectives == [max(stored.trial.reports)]
        assert "less than half" in stored.trial.reason


def test_a_learning_sampler_sees_the_same_trials_whoever_is_faster(space, compute, new_space):
    other = new_space("other")
    one = plans.sweep(space, compute, sampler=plans.Climbing(), max_total_trials=6, arguments={"longest_s": 0.03})
    two = plans.sweep(other, compute, sampler=plans.Climbing(), max_total_trials=6)
    assert plans.facts(one.trials) == plans.facts(two.trials)


def test_a_sampler_with_nothing_left_ends_the_sweep(space, compute):
    ended = plans.sweep(space, compute, sampler=plans.Climbing(last=3))
    assert (ended.why, len(ended.trials)) == ("Completed", 3)


def test_the_same_sweep_again_is_only_read(space, compute):
    first = plans.sweep(space, compute, max_total_trials=3)
    again = plans.sweep(space, compute, max_total_trials=3)
    assert plans.facts(again.trials) == plans.facts(first.trials)
    assert [stored.seconds for stored in again.trials] == [stored.seconds for stored in first.trials]
    assert plans.finished(space) == [0, 1, 2]


def test_more_trials_later_go_on_with_the_same_ones(space, compute, undisturbed):
    plans.sweep(space, compute, policy=plans.AtLeastHalf(), max_total_trials=3)
    ended = plans.sweep(space, compute, policy=plans.AtLeastHalf())
    assert plans.facts(ended.trials) == plans.facts(undisturbed.trials)
    assert plans.finished(space) == list(range(8))


def test_a_crash_is_a_failed_trial_with_its_traceback(space, compute):
    ended = plans.sweep(space, compute, function="crash", max_total_trials=4)
    assert [stored.trial.state for stored in ended.trials] == ["Completed", "Failed"] * 2
    failed = ended.trials[1]
    assert "trial 1 has had enough" in failed.trial.reason
    assert "objectives.py" in failed.traceback
    assert failed.trial.reports == (0.1,)
    assert failed.trial.objectives is None


def test_a_trial_that_loses_its_process_runs_again_from_the_start_of_what_it_says(space, compute):
    ended = plans.sweep(space, compute, function="dies_once", max_total_trials=2)
    assert [stored.trial.state for stored in ended.trials] == ["Completed"] * 2
    assert plans.finished(space) == [0, 1]


def test_a_trial_that_always_loses_its_process_fails_in_the_end(space, compute):
    ended = plans.sweep(space, compute, function="dies", max_total_trials=3)
    assert [stored.trial.state for stored in ended.trials] == ["Completed", "Failed", "Completed"]
    assert "SIGKILL" in ended.trials[1].trial.reason


def test_a_metric_that_is_never_logged_stops_the_sweep_and_names_those_that_were(space):
    with LocalCompute(2) as cut, pytest.raises(SpecError) as error:
        plans.sweep(space, cut, function="silent", objectives=(Objective("validation_accuracy", "maximize"),))
    assert "did you mean 'validation_accurracy'?" in str(error.value)
    assert "train_loss" in error.value.accepted


def test_a_value_that_is_no_number_is_no_best_one(space, compute):
    ended = plans.sweep(space, compute, function="not_a_number", max_total_trials=2)
    assert [stored.trial.state for stored in ended.trials] == ["Completed", "Failed"]
    assert ended.trials[0].trial.objectives == [0.5]
    assert "nan" in ended.trials[1].trial.reason


def test_several_objectives_are_the_final_figures(space, compute):
    both = (*plans.ACCURACY, Objective("size", "minimize"))
    ended = plans.sweep(space, compute, objectives=both, max_total_trials=2)
    for stored in ended.trials:
        height = stored.trial.values["height"]
        assert stored.trial.objectives == [height, height * 100]


class Later:
    """A clock that stands still until all trials that run have told their first figure."""

    def __init__(self, trials):
        self._silent, self._now = set(range(trials)), 0.0

    def on_trial(self, stored):
        if stored.trial.reports:
            self._silent.discard(stored.trial.number)
        if not self._silent:
            self._now = 2000.0

    def __call__(self):
        return self._now


def test_the_time_limit_leaves_trials_that_go_on_with_more_time(space, compute):
    limits = {"timeout_s": 1000.0, "max_total_trials": 3}
    later = Later(trials=2)
    with LocalCompute(2, grace_s=1.0) as cut:
        ended = plans.sweep(space, cut, function="slow", view=later, clock=later, **limits)
    assert ended.why == "TimedOut"
    assert [stored.trial.state for stored in ended.trials] == ["Running"] * 2
    again = plans.sweep(space, compute, **limits)
    assert (again.why, again.seconds >= 1000.0) == ("TimedOut", True)
    more = plans.sweep(space, compute, **{**limits, "timeout_s": 100_000.0})
    assert (more.why, len(more.trials)) == ("Completed", 3)
    # What was said of an interval stays, as others may have been judged by it.
    assert [stored.trial.reports[0] for stored in more.trials[:2]] == [0.5, 0.5]


def test_a_trial_s_own_time_limit_fails_it(space, compute):
    ended = plans.sweep(space, compute, function="slow", trial_timeout_s=1.0, max_total_trials=1)
    assert ended.trials[0].trial.state == "Failed"
    assert ended.trials[0].trial.reason


def test_whoever_watches_hears_of_each_trial_s_start_and_end(space, compute):
    heard = []

    class View:
        def on_trial(self, stored):
            heard.append((stored.trial.number, stored.trial.state, len(stored.trial.reports), stored.run_id))

    plans.sweep(space, compute, view=View(), max_total_trials=1)
    assert heard[0] == (0, "Running", 0, None)
    assert heard[-1][:2] == (0, "Completed")
    assert heard[-1][3] == "run-0"
