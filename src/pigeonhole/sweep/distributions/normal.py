"""The normal distributions: plain, of the logarithm, and each rounded to multiples of q. None has bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pigeonhole.sweep.distributions.base import GREATEST, LEAST, Distribution, float_distribution
from pigeonhole.sweep.distributions.rounding import clipped, plain, to_multiple

_STANDARD = NormalDist()
# No double in (0, 1) stands for more standard deviations than 8.3; Optuna wants bounds.
_REACH = 9


class _OfGauss(Distribution):
    """What the four have in common; not chosen itself."""

    mu: float
    sigma: float = Field(ge=0)
    bounded: ClassVar[bool] = False

    def _normal(self, u: float) -> float:
        return self.mu + self.sigma * _STANDARD.inv_cdf(clipped(u, LEAST, GREATEST))


class Normal(_OfGauss):
    """A real number around `mu` with the standard deviation `sigma`."""

    type: Literal["normal"] = "normal"

    def value_at(self, u: float) -> float:
        """The normal distribution's quantile."""
        return self._normal(u)

    def optuna_distribution(self) -> Any:
        """A float within nine standard deviations, which holds all that is ever drawn."""
        return float_distribution(self.mu - _REACH * self.sigma, self.mu + _REACH * self.sigma)


class QNormal(_OfGauss):
    """`round(N(mu, sigma) / q) * q`; a whole number is an `int`."""

    type: Literal["qnormal"] = "qnormal"
    q: int = Field(ge=1, le=2**53, strict=True)
    continuous: ClassVar[bool] = False
    whole: ClassVar[bool] = True

    def value_at(self, u: float) -> int | float:
        """The quantile, rounded half to even on `x / q`."""
        return plain(to_multiple(self._normal(u), self.q))

    def optuna_distribution(self) -> Any:
        """A float within nine standard deviations and a rounding."""
        reach = _REACH * self.sigma + self.q
        return float_distribution(self.mu - reach, self.mu + reach)

    def from_optuna(self, name: str, params: Mapping[str, Any]) -> int | float:
        """The value, whole numbers as `int` again."""
        return plain(params[name])


class _OfLogarithm(_OfGauss):
    @model_validator(mode="after")
    def _finite(self) -> Self:
        try:
            math.exp(self.mu + _REACH * self.sigma)
        except OverflowError as error:
            raise ValueError(
                f"mu {self.mu:g} and sigma {self.sigma:g} are those of the logarithm, and draw values beyond what a"
                " number holds; take smaller ones"
            ) from error
        return self

    def note(self) -> str:
        """Where its values lie."""
        middle, low, high = (math.exp(self.mu + k * self.sigma) for k in (0, -2, 2))
        return (
            f"{self.type} with mu {self.mu:g} and sigma {self.sigma:g} is that of the logarithm: half of the values lie"
            f" below e^{self.mu:g} = {middle:.4g}, 95% from {low:.4g} to {high:.4g}"
        )


class LogNormal(_OfLogarithm):
    """`exp(N(mu, sigma))`."""

    type: Literal["lognormal"] = "lognormal"

    def value_at(self, u: float) -> float:
        """The exponential of the normal distribution's quantile."""
        return math.exp(self._normal(u))

    def optuna_distribution(self) -> Any:
        """A float on a logarithmic scale that holds all that is ever drawn."""
        low, high = (math.exp(self.mu + sign * _REACH * self.sigma) for sign in (-1, 1))
        return float_distribution(low, high, log=True)


class QLogNormal(_OfLogarithm):
    """`round(exp(N(mu, sigma)) / q) * q`; a whole number is an `int`."""

    type: Literal["qlognormal"] = "qlognormal"
    q: int = Field(ge=1, le=2**53, strict=True)
    continuous: ClassVar[bool] = False
    whole: ClassVar[bool] = True

    def value_at(self, u: float) -> int | float:
        """The exponential of the quantile, rounded half to even on `x / q`."""
        return plain(to_multiple(math.exp(self._normal(u)), self.q))

    def optuna_distribution(self) -> Any:
        """A float from 0, where small values are rounded to, to more than is ever drawn."""
        return float_distribution(0.0, math.exp(self.mu + _REACH * self.sigma) + self.q)

    def from_optuna(self, name: str, params: Mapping[str, Any]) -> int | float:
        """The value, whole numbers as `int` again."""
        return plain(params[name])
