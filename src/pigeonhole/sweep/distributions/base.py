"""What every distribution of a search space can do. Draws nothing itself: randomness is a number it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pigeonhole.core.optional import require
from pigeonhole.core.spec import Spec

Scalar = bool | int | float | str
# The least and greatest that a double in [0, 1) stands for: an unbounded distribution has no value at 0 itself.
LEAST, GREATEST = 2.0**-54, 1 - 2.0**-53


class Distribution(Spec, ABC):
    """One parameter's distribution, in Azure ML's words.

    Attributes:
        type: its key.
        continuous: whether it has values without end, so that no grid holds them all.
        bounded: whether it has a least and a greatest value.
        whole: whether all its values are whole numbers as long as its bounds are.
    """

    type: str
    continuous: ClassVar[bool] = True
    bounded: ClassVar[bool] = True
    whole: ClassVar[bool] = False

    @abstractmethod
    def value_at(self, u: float) -> Any:
        """The value that a share `u` of the draws stays below (the inverse of its cumulative distribution).

        Args:
            u: in [0, 1]; at 1 the greatest value, where there is one.
        """

    @property
    def dimensions(self) -> int:
        """How many numbers in [0, 1) it takes to draw a value: one, and more only for a choice of nested spaces."""
        return 1

    def draw(self, us: Sequence[float]) -> Any:
        """The value for `dimensions` independent numbers in [0, 1)."""
        return self.value_at(us[0])

    def extremes(self) -> tuple[Any, ...]:
        """Values that stand for all: the least and the greatest that can be drawn, or each of a choice."""
        return self.value_at(0.0 if self.bounded else LEAST), self.value_at(1.0 if self.bounded else GREATEST)

    def note(self) -> str | None:
        """What people often get wrong about it, in words; `None` where there is nothing to say."""
        return None

    @abstractmethod
    def optuna_distribution(self) -> Any:
        """The distribution of Optuna under which its values are stored."""

    def to_optuna(self, name: str, value: Any) -> dict[str, tuple[Any, Any]]:
        """A value as Optuna's parameters: by name, the stored value and its distribution."""
        return {name: (value, self.optuna_distribution())}

    def from_optuna(self, name: str, params: Mapping[str, Any]) -> Any:
        """The very value that `to_optuna` was given."""
        return params[name]


def float_distribution(low: float, high: float, *, log: bool = False) -> Any:
    """Optuna's for real numbers from `low` to `high`; on a logarithmic scale where it can be."""
    return require("optuna.distributions", extra="search").FloatDistribution(low, high, log=log and low > 0)
