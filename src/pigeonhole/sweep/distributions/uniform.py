"""The uniform distributions: real, and rounded to multiples of q."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pigeonhole.sweep.distributions.base import Distribution, float_distribution
from pigeonhole.sweep.distributions.rounding import clipped, plain, to_multiple


class Uniform(Distribution):
    """A real number, each between `min_value` and `max_value` as likely as the other."""

    type: Literal["uniform"] = "uniform"
    min_value: float
    max_value: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        refuse_disorder(self.min_value, self.max_value)
        return self

    def value_at(self, u: float) -> float:
        """`min_value + u (max_value - min_value)`."""
        return clipped(self.min_value + u * (self.max_value - self.min_value), self.min_value, self.max_value)

    def optuna_distribution(self) -> Any:
        """A float between the bounds."""
        return float_distribution(self.min_value, self.max_value)


class QUniform(Distribution):
    """`round(U(min_value, max_value) / q) * q`, never outside the bounds; a whole number is an `int`."""

    type: Literal["quniform"] = "quniform"
    min_value: float
    max_value: float
    q: int = Field(ge=1, le=2**53, strict=True)
    continuous: ClassVar[bool] = False
    whole: ClassVar[bool] = True

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        refuse_disorder(self.min_value, self.max_value)
        return self

    def value_at(self, u: float) -> int | float:
        """A number between the bounds, rounded half to even on `x / q`, and then clipped."""
        x = self.min_value + u * (self.max_value - self.min_value)
        return plain(clipped(to_multiple(x, self.q), self.min_value, self.max_value))

    def steps(self) -> list[int | float]:
        """All its values, in order."""
        first, last = (round(bound / self.q) for bound in (self.min_value, self.max_value))
        multiples = (float(k) * self.q for k in range(first, last + 1))
        return list(dict.fromkeys(plain(clipped(x, self.min_value, self.max_value)) for x in multiples))

    def optuna_distribution(self) -> Any:
        """A float between the bounds: a step would not hold a bound that is no multiple of q."""
        return float_distribution(self.min_value, self.max_value)

    def from_optuna(self, name: str, params: Mapping[str, Any]) -> int | float:
        """The value, whole numbers as `int` again."""
        return plain(params[name])


def refuse_disorder(low: float, high: float) -> None:
    """Raises ValueError unless `low` is below `high`, with a finite distance."""
    if low >= high:
        raise ValueError(f"min_value {low:g} is not below max_value {high:g}; swap or correct them")
    if not math.isfinite(high - low):
        raise ValueError(f"min_value {low:g} and max_value {high:g} are further apart than numbers reach")
