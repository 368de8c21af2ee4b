"""A search space: parameters in the order of their declaration, each with its distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pigeonhole.sweep.distributions import Distribution
from pigeonhole.sweep.trial import Values


@dataclass(frozen=True)
class SearchSpace:
    """Draws a trial's values, and carries them into Optuna's study and back."""

    parameters: Mapping[str, Distribution]

    @property
    def dimensions(self) -> int:
        """How many numbers in [0, 1) it takes to draw all values."""
        return sum(distribution.dimensions for distribution in self.parameters.values())

    def draw(self, us: Sequence[float]) -> Values:
        """The values for `dimensions` numbers in [0, 1), one after the other in the order of declaration."""
        values: dict[str, Any] = {}
        start = 0
        for name, distribution in self.parameters.items():
            values[name] = distribution.draw(us[start : start + distribution.dimensions])
            start += distribution.dimensions
        return values

    def to_optuna(self, values: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        """A trial's values as Optuna's `params` and `distributions`; a nested space as `name.INDEX.key` besides."""
        stored: dict[str, tuple[Any, Any]] = {}
        for name, distribution in self.parameters.items():
            stored |= distribution.to_optuna(name, values[name])
        return {name: pair[0] for name, pair in stored.items()}, {name: pair[1] for name, pair in stored.items()}

    def from_optuna(self, params: Mapping[str, Any]) -> Values:
        """The very values that `to_optuna` was given."""
        return {name: distribution.from_optuna(name, params) for name, distribution in self.parameters.items()}
