"""Bandit: stops a trial that is worse than the best by more than a slack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from pigeonhole.sweep.policies.base import AtIntervals, best, clearly_worse, reported
from pigeonhole.sweep.trial import Goal, Trial


class Bandit(AtIntervals):
    """Stops trial n at interval N if its best so far is beyond the slack from the best of all up to N.

    With B the best of all: maximized, the bound is `B / (1 + slack_factor)` or `B - slack_amount`; minimized,
    `B (1 + slack_factor)` or `B + slack_amount`. Where B is negative the factor is of its size, `B - |B| f / (1 + f)`
    and `B + |B| f`, or the best trial itself would be beyond it. A trial exactly at the bound goes on.

    Attributes:
        slack_factor: as a share of the best.
        slack_amount: in the metric's own unit. Exactly one of the two is set.
    """

    type: Literal["bandit"] = "bandit"
    slack_factor: float | None = Field(None, ge=0)
    slack_amount: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _one_slack(self) -> Self:
        given = [name for name in ("slack_factor", "slack_amount") if getattr(self, name) is not None]
        if len(given) != 1:
            told = " and ".join(given) or "neither slack_factor nor slack_amount"
            raise ValueError(f"{told}: exactly one of slack_factor and slack_amount is accepted")
        return self

    def bound(self, top: float, goal: Goal) -> float:
        """The worst value that still goes on, where the best of all is `top`."""
        if self.slack_amount is not None:
            slack = self.slack_amount
        else:
            factor = self.slack_factor or 0.0
            slack = abs(top) * (factor / (1 + factor) if goal == "maximize" else factor)
        return top - slack if goal == "maximize" else top + slack

    @override
    def reason_to_stop(self, number: int, own: Sequence[float], others: Sequence[Trial], goal: Goal) -> str | None:
        rivals = reported(others)
        if not rivals:
            return None
        top, leader = self._leader(rivals, goal)
        mine, bound = best(own, goal), self.bound(top, goal)
        if not clearly_worse(mine, bound, goal, max(abs(top), self.slack_amount or 0.0)):
            return None
        told = "no number so far" if math.isnan(mine) else f"its best {mine:.4g}"
        side = "below" if goal == "maximize" else "above"
        return (
            f"bandit: at interval {len(own)} {told} is {side} {bound:.4g}, which is the best of all"
            f" ({top:.4g}, trial {leader}) with {self._slack_in_words()}"
        )

    @staticmethod
    def _leader(rivals: Sequence[Trial], goal: Goal) -> tuple[float, int]:
        """The best value of all, and the first trial that has it."""
        sign = 1 if goal == "maximize" else -1
        leader = max(rivals, key=lambda trial: sign * best(trial.reports, goal))
        return best(leader.reports, goal), leader.number

    def _slack_in_words(self) -> str:
        if self.slack_factor is not None:
            return f"slack_factor {self.slack_factor:g}"
        return f"slack_amount {self.slack_amount:g}"
