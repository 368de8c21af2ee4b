"""Whole numbers from 0, as Azure ML has them: without a lower bound of one's own."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from pigeonhole.core.optional import require
from pigeonhole.sweep.distributions.base import Distribution


class RandInt(Distribution):
    """A whole number in [0, upper), each as likely as the other."""

    type: Literal["randint"] = "randint"
    upper: int = Field(ge=1, le=2**53, strict=True)
    continuous: ClassVar[bool] = False
    whole: ClassVar[bool] = True

    def value_at(self, u: float) -> int:
        """`floor(u * upper)`."""
        return min(int(u * self.upper), self.upper - 1)

    def optuna_distribution(self) -> Any:
        """An int from 0 to `upper - 1`."""
        return require("optuna.distributions", extra="search").IntDistribution(0, self.upper - 1)
