"""The specs of models: what a preset file holds, and a model ready to be fitted.

Holds no defaults of any particular preset and trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from pigeonhole.core.spec import Spec
from pigeonhole.models.settings import Training

Scalar = bool | int | float | str
Kind = Literal["network", "estimator"]


class Parameter(Spec):
    """One knob of a preset: the same name serves `--set`, a search space and `ImageClassifier`.

    Attributes:
        default: its value when nobody sets it; its type is the parameter's type.
        meaning: one line, with the unit.
        low: the least value, or `None`.
        high: the greatest value, or `None`.
        choices: the only values, or `None`.
    """

    name: str
    default: Scalar
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Scalar, ...] | None = None


class PresetFile(Spec):
    """A preset, or a user's own spec, as it stands in YAML; `$name` stands for a parameter's value."""

    type: Kind
    summary: str = ""
    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict)
    layers: list[Any] | None = None
    training: dict[str, Any] = Field(default_factory=dict)
    estimator: dict[str, Any] | None = None


@dataclass(frozen=True)
class ModelSpec:
    """A model ready to be fitted: every setting has its value.

    Attributes:
        model: the preset's key, or the path of the user's spec.
        kind: `network` or `estimator`.
        parameters: the preset's parameters with their values.
        layers: a network's layers, each setting written out; `()` for an estimator.
        training: a network's training settings; `None` for an estimator.
        estimator: `{"name": …, settings…}`; `None` for a network.
    """

    model: str
    kind: Kind
    parameters: Mapping[str, Scalar]
    layers: Sequence[Any] = ()
    training: Training | None = None
    estimator: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON that `from_dict` reads back."""
        common = {"model": self.model, "kind": self.kind, "parameters": dict(self.parameters)}
        if self.training is not None:
            return {**common, "layers": list(self.layers), "training": self.training.model_dump(mode="json")}
        return {**common, "estimator": dict(self.estimator or {})}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> ModelSpec:
        """The spec that `to_dict` wrote."""
        training = Training.model_validate(value["training"]) if value["kind"] == "network" else None
        return cls(
            value["model"],
            value["kind"],
            dict(value["parameters"]),
            tuple(value.get("layers", ())),
            training,
            value.get("estimator"),
        )
