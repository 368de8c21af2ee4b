"""What every termination policy promises, as tests. Subclass `PolicyContract` in a test file and say which policy.

class TestMyPolicy(PolicyContract):
    def policy(self): return MyPolicy(evaluation_interval=2)
"""

from __future__ import annotations

import copy
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest

from pigeonhole.sweep.trial import Goal, TerminationPolicy, Trial

GOALS: tuple[Goal, Goal] = ("maximize", "minimize")
# Intervals and trials enough for any policy to have come to a decision.
LONGEST, MOST_TRIALS, CASES = 30, 12, 150


@dataclass(frozen=True)
class Question:
    """What a policy is asked."""

    number: int
    own: tuple[float, ...]
    others: tuple[Trial, ...]
    goal: Goal

    def put_to(self, policy: TerminationPolicy) -> str | None:
        """The policy's answer."""
        return policy.reason_to_stop(self.number, self.own, self.others, self.goal)


def questions(policy: TerminationPolicy, goal: Goal) -> Iterator[Question]:
    """Sweeps as they happen: trials that end early, fail before they report, and values of either sign."""
    draw = random.Random(f"policies/{goal}")  # noqa: S311 - reproducible, and no secret
    intervals = [interval for interval in range(1, LONGEST + 1) if policy.applies(interval)]
    for _ in range(CASES if intervals else 0):
        interval = draw.choice(intervals)
        offset = draw.choice([-3.0, 0.0, 3.0])
        others = tuple(_trial(draw, number, interval, offset) for number in range(draw.randrange(MOST_TRIALS)))
        own = tuple(offset + draw.random() for _ in range(interval))
        yield Question(len(others), own, others, goal)


def _trial(draw: random.Random, number: int, interval: int, offset: float) -> Trial:
    state = draw.choice(["Running", "Completed", "Terminated", "Failed"])
    count = interval if state == "Running" else draw.randint(0, interval)
    return Trial(number, {"x": number}, state, tuple(offset + draw.random() for _ in range(count)))  # type: ignore[arg-type]


class PolicyContract(ABC):
    """Tests that pytest collects from a subclass whose name begins with `Test`."""

    @abstractmethod
    def policy(self) -> TerminationPolicy:
        """The policy under test, one that decides within the first thirty intervals and stops some trials."""

    @pytest.mark.parametrize("goal", GOALS)
    def test_it_stops_some_and_spares_some(self, goal: Goal) -> None:
        """A policy that does nothing, or stops all, is none."""
        answers = [question.put_to(self.policy()) for question in questions(self.policy(), goal)]
        assert any(answers), "nothing was ever stopped"
        assert not all(answers), "everything was stopped"

    @pytest.mark.parametrize("goal", GOALS)
    def test_the_same_question_has_the_same_answer(self, goal: Goal) -> None:
        """Asked again, by another one of the same settings, and in another order of the trials."""
        policy = self.policy()
        for question in questions(policy, goal):
            answer = question.put_to(policy)
            assert question.put_to(policy) == answer
            assert question.put_to(self.policy()) == answer
            assert replace(question, others=question.others[::-1]).put_to(policy) == answer

    @pytest.mark.parametrize("goal", GOALS)
    def test_what_it_is_shown_stays_as_it_is(self, goal: Goal) -> None:
        """Lists that it is given are the caller's."""
        for question in questions(self.policy(), goal):
            own = list(question.own)
            others = [replace(trial, reports=list(trial.reports)) for trial in question.others]
            before = copy.deepcopy((own, others))
            self.policy().reason_to_stop(question.number, own, others, goal)
            assert (own, others) == before

    @pytest.mark.parametrize("goal", GOALS)
    def test_the_first_trial_goes_on(self, goal: Goal) -> None:
        """There is nothing to compare it with, however bad it is."""
        for question in questions(self.policy(), goal):
            assert replace(question, number=0, others=()).put_to(self.policy()) is None
            silent = tuple(replace(trial, reports=()) for trial in question.others)
            assert replace(question, others=silent).put_to(self.policy()) is None

    @pytest.mark.parametrize("goal", GOALS)
    def test_the_best_trial_goes_on(self, goal: Goal) -> None:
        """One that is better than all others at every interval is never stopped, whatever the sign of its values."""
        for question in questions(self.policy(), goal):
            values = [value for trial in question.others for value in trial.reports] or [0.0]
            top = max(values) + 0.001 if goal == "maximize" else min(values) - 0.001
            assert replace(question, own=(top,) * len(question.own)).put_to(self.policy()) is None

    @pytest.mark.parametrize("goal", GOALS)
    def test_a_worse_trial_is_never_spared_where_a_better_one_stops(self, goal: Goal) -> None:
        """Worse at every interval, with the same others."""
        worse = -0.25 if goal == "maximize" else 0.25
        for question in questions(self.policy(), goal):
            if question.put_to(self.policy()):
                own = tuple(value + worse for value in question.own)
                assert replace(question, own=own).put_to(self.policy())

    @pytest.mark.parametrize("goal", GOALS)
    def test_a_reason_says_when_and_with_which_figures(self, goal: Goal) -> None:
        """One line, with the interval and at least one value besides."""
        for question in questions(self.policy(), goal):
            reason = question.put_to(self.policy())
            assert reason is None or _tells(reason, question.own), reason

    @pytest.mark.parametrize("goal", GOALS)
    def test_what_is_no_number_is_worse_than_any_number(self, goal: Goal) -> None:
        """NaN neither raises nor makes a trial look good, its own nor another's."""
        nan = float("nan")
        for question in questions(self.policy(), goal):
            lost = replace(question, own=(nan,) * len(question.own))
            assert lost.put_to(self.policy()) or not question.put_to(self.policy())
            with_lost = [replace(trial, reports=(nan,) * len(trial.reports)) for trial in question.others]
            assert replace(question, others=tuple(with_lost)).put_to(self.policy()) is None

    def test_when_it_applies_depends_on_the_interval_alone(self) -> None:
        """A plain yes or no."""
        first, second = self.policy(), self.policy()
        answers = [first.applies(interval) for interval in range(1, 200)]
        assert answers == [second.applies(interval) for interval in range(1, 200)]
        assert set(answers) <= {True, False}
        assert any(answers[:LONGEST])


def _tells(reason: str, own: Sequence[float]) -> bool:
    numbers = re.findall(r"-?\d+(?:\.\d+)?", reason)
    return "\n" not in reason and str(len(own)) in numbers and len(numbers) > 1
