"""One of several values; a value may be a mapping that holds further distributions (a nested search space)."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from pigeonhole.core.optional import require
from pigeonhole.sweep.distributions.base import Distribution

_EXPONENT = re.compile(r"[-+]?\d+[eE][-+]?\d+")


class Choice(Distribution):
    """One of `values`, each as likely as the other.

    A mapping stands for itself, with a value drawn in the place of each distribution in it.
    """

    type: Literal["choice"] = "choice"
    values: tuple[Any, ...] = Field(min_length=1)
    continuous: ClassVar[bool] = False

    @field_validator("values")
    @classmethod
    def _read(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        read = tuple(_read_value(value) for value in values)
        _refuse_repeats(read)
        _refuse_mixture(read)
        return read

    @property
    def nested(self) -> bool:
        """Whether a value is a mapping."""
        return any(isinstance(value, Mapping) for value in self.values)

    @property
    def dimensions(self) -> int:
        """One to choose, and those of every nested distribution, whether chosen or not."""
        return 1 + sum(inner.dimensions for _, inner in self._all_inner())

    def value_at(self, u: float) -> Any:
        """`values[floor(u * k)]` of k plain values; a mapping is drawn at the start of what it holds."""
        return self.draw([u, *[0.0] * (self.dimensions - 1)])

    def draw(self, us: Sequence[float]) -> Any:
        """The first number chooses; the others draw what the chosen mapping holds."""
        index = min(int(us[0] * len(self.values)), len(self.values) - 1)
        start = 1 + sum(inner.dimensions for at, inner in self._all_inner() if at < index)
        value = self.values[index]
        if not isinstance(value, Mapping):
            return value
        drawn: dict[str, Any] = {}
        for key, item in value.items():
            if isinstance(item, Distribution):
                drawn[key] = item.draw(us[start : start + item.dimensions])
                start += item.dimensions
            else:
                drawn[key] = item
        return drawn

    def extremes(self) -> tuple[Any, ...]:
        """Each plain value; of each mapping, one with all that it holds at its least, and one at its greatest."""
        return tuple(extreme for value in self.values for extreme in _extremes(value))

    def every_value(self) -> Iterator[Any] | None:
        """All values in order, mappings multiplied out row by row; `None` where one holds more than choices."""
        if any(not isinstance(inner, Choice) or inner.every_value() is None for _, inner in self._all_inner()):
            return None
        return (spelled for value in self.values for spelled in _multiplied(value))

    def optuna_distribution(self) -> Any:
        """A categorical of the values; a mapping as the JSON text of what stands in the spec."""
        choices = [label(value) if self.nested else value for value in self.values]
        return require("optuna.distributions", extra="search").CategoricalDistribution(choices)

    def to_optuna(self, name: str, value: Any) -> dict[str, tuple[Any, Any]]:
        """The label of what was chosen and, as `name.INDEX.key`, what was drawn for it."""
        if not self.nested:
            return super().to_optuna(name, value)
        index = next(n for n, candidate in enumerate(self.values) if _could_be(candidate, value))
        stored = {name: (label(self.values[index]), self.optuna_distribution())}
        for key, inner in _inner(self.values[index]):
            stored |= inner.to_optuna(f"{name}.{index}.{key}", value[key])
        return stored

    def from_optuna(self, name: str, params: Mapping[str, Any]) -> Any:
        """The very value."""
        if not self.nested:
            return params[name]
        index = [label(value) for value in self.values].index(params[name])
        chosen = self.values[index]
        if not isinstance(chosen, Mapping):
            return chosen
        return {
            key: item.from_optuna(f"{name}.{index}.{key}", params) if isinstance(item, Distribution) else item
            for key, item in chosen.items()
        }

    def _all_inner(self) -> Iterator[tuple[int, Distribution]]:
        return ((n, inner) for n, value in enumerate(self.values) for _, inner in _inner(value))


def label(value: Any) -> str:
    """A choice's value as JSON text, its distributions as they stand in the spec."""
    return json.dumps(value, default=lambda inner: inner.model_dump(mode="json"))


def _inner(value: Any) -> list[tuple[str, Distribution]]:
    items = value.items() if isinstance(value, Mapping) else ()
    return [(key, item) for key, item in items if isinstance(item, Distribution)]


def _extremes(value: Any) -> tuple[Any, ...]:
    if not _inner(value):
        return (value,)
    spread = {key: item.extremes() if isinstance(item, Distribution) else (item,) for key, item in value.items()}
    longest = max(map(len, spread.values()))
    return tuple({key: found[min(n, len(found) - 1)] for key, found in spread.items()} for n in range(longest))


def _multiplied(value: Any) -> Iterator[Any]:
    if not _inner(value):
        yield value
        return
    spread = [list(item.every_value() or ()) if isinstance(item, Choice) else [item] for item in value.values()]
    for row in itertools.product(*spread):
        yield dict(zip(value, row, strict=True))


def _could_be(candidate: Any, value: Any) -> bool:
    """Whether `value` was drawn from `candidate`."""
    if not isinstance(candidate, Mapping) or not isinstance(value, Mapping):
        return type(candidate) is type(value) and bool(candidate == value)
    return candidate.keys() == value.keys() and all(
        _holds(item, value[key]) if isinstance(item, Distribution) else _could_be(item, value[key])
        for key, item in candidate.items()
    )


def _holds(inner: Distribution, value: Any) -> bool:
    if isinstance(inner, Choice):
        return any(_could_be(candidate, value) for candidate in inner.values)
    if isinstance(value, (str, bool, Mapping)):
        return False
    low, high = inner.extremes()
    return bool(low <= value <= high)


def _read_value(value: Any) -> Any:
    if isinstance(value, str) and _EXPONENT.fullmatch(value):
        return float(value)  # YAML 1.1 reads 1e-3 as text; everyone else reads it as a number
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number that a trial could use")
    if isinstance(value, (bool, int, float, str)):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r}: a number, a text, true or false, or a mapping is accepted as a value")
    from pigeonhole.sweep.distributions.reading import read_distribution

    if "type" in value:
        raise ValueError("a distribution stands inside a mapping, under the name of what it draws, not as a value")
    return {
        str(key): read_distribution(item, str(key)) if isinstance(item, Mapping) else _read_value(item)
        for key, item in value.items()
    }


def _refuse_repeats(values: tuple[Any, ...]) -> None:
    for n, value in enumerate(values):
        if any(value == other for other in values[:n]):
            raise ValueError(f"{value!r} stands there twice; each value once is accepted")


def _refuse_mixture(values: tuple[Any, ...]) -> None:
    kinds = {_kind(value) for value in values}
    if len(kinds) > 1:
        raise ValueError(f"{' and '.join(sorted(kinds))} are mixed; values of one kind are accepted")


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "mappings"
    if isinstance(value, bool):
        return "true/false"
    return "texts" if isinstance(value, str) else "numbers"
