"""The log-uniform distributions. Their bounds are exponents of e, as on Azure ML, and not the values themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pigeonhole.sweep.distributions.base import Distribution, float_distribution
from pigeonhole.sweep.distributions.rounding import clipped, plain, to_multiple


class _OfExponents(Distribution):
    """What the two have in common; not chosen itself."""

    min_value: float
    max_value: float

    @model_validator(mode="after")
    def _ordered_and_finite(self) -> Self:
        if self.min_value > self.max_value:
            raise ValueError(f"min_value {self.min_value:g} is above max_value {self.max_value:g}; swap them")
        try:
            math.exp(self.max_value)
        except OverflowError as error:
            raise ValueError(
                f"max_value {self.max_value:g} is an exponent of e, and e^{self.max_value:g} is more than a number"
                f" holds; for values up to {self.max_value:g} write {_exponent(self.max_value)}"
            ) from error
        if math.exp(self.min_value) == 0:
            raise ValueError(f"min_value {self.min_value:g} is an exponent of e, and e^{self.min_value:g} is 0")
        return self

    @property
    def low(self) -> float:
        """The least value, e^min_value."""
        return math.exp(self.min_value)

    @property
    def high(self) -> float:
        """The greatest value, e^max_value."""
        return math.exp(self.max_value)

    def value_at(self, u: float) -> float:
        """`exp(min_value + u (max_value - min_value))`."""
        x = math.exp(clipped(self.min_value + u * (self.max_value - self.min_value), self.min_value, self.max_value))
        return clipped(x, self.low, self.high)

    def note(self) -> str:
        """The bounds as values, and the exponents to write if the bounds were meant as they stand."""
        text = (
            f"{self.type} from {self.min_value:g} to {self.max_value:g} means values from e^{self.min_value:g} = "
            f"{self.low:.4g} to e^{self.max_value:g} = {self.high:.4g}"
        )
        meant = self._powers_of_ten()
        return f"{text}; for {meant}" if meant else text

    def _powers_of_ten(self) -> str:
        """What to write for 1e-6 to 1e-1, which somebody who writes -6 and -1 may have meant."""
        if not (self.min_value.is_integer() and self.max_value.is_integer() and self.min_value < 0):
            return ""
        low, high = int(self.min_value), int(self.max_value)
        return f"1e{low} to 1e{high} write {low * math.log(10):.4g} and {high * math.log(10):.4g}"

    def optuna_distribution(self) -> Any:
        """A float on a logarithmic scale between the values of the bounds."""
        return float_distribution(self.low, self.high, log=True)


class LogUniform(_OfExponents):
    """`exp(U(min_value, max_value))`."""

    type: Literal["loguniform"] = "loguniform"


class QLogUniform(_OfExponents):
    """`round(exp(U(min_value, max_value)) / q) * q`, never outside `exp` of the bounds; a whole number is an `int`."""

    type: Literal["qloguniform"] = "qloguniform"
    q: int = Field(ge=1, le=2**53, strict=True)
    continuous: ClassVar[bool] = False
    whole: ClassVar[bool] = True

    def value_at(self, u: float) -> int | float:
        """As log-uniform, rounded half to even on `x / q`, and then clipped."""
        return plain(clipped(to_multiple(super().value_at(u), self.q), self.low, self.high))

    def from_optuna(self, name: str, params: Mapping[str, Any]) -> int | float:
        """The value, whole numbers as `int` again."""
        return plain(params[name])


def _exponent(value: float) -> str:
    return f"{math.log(value):.4g}"
