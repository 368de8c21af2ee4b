"""The noun `presets`: the named recipes for models, listed, and shown with layers, shapes and parameter counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pigeonhole import models

MNIST_SHAPE = (28, 28, 1)


@dataclass(frozen=True)
class PresetLayer:
    """One layer of a network for images of one shape; `settings` are those that differ from Keras' defaults."""

    number: int
    layer: str
    settings: dict[str, Any]
    output_shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class PresetSummary:
    """A preset as users see it.

    Attributes:
        key: its name in commands and recipes.
        kind: `network` or `estimator`.
        knobs: what can be set: name, default, meaning, low, high, choices.
        layers: a network's layers, for `shape` and `classes`; empty for an estimator.
        parameters: trained numbers of a network; `None` for an estimator, where the data decides.
    """

    key: str
    kind: str
    summary: str
    knobs: tuple[dict[str, Any], ...]
    shape: tuple[int, int, int]
    classes: int
    layers: tuple[PresetLayer, ...]
    parameters: int | None

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-ready values."""
        return asdict(self)


def list_presets() -> list[PresetSummary]:
    """All presets, for MNIST's images and classes."""
    return [preset(key) for key in models.presets.names()]


def preset(
    key: str,
    *,
    shape: tuple[int, int, int] = MNIST_SHAPE,
    classes: int = 10,
    settings: Mapping[str, Any] | None = None,
) -> PresetSummary:
    """One preset, its network laid out for images of a shape.

    Args:
        key: the preset's key, or a YAML file of the same form.
        shape: height, width and channels of the images.
        classes: how many classes there are.
        settings: values for its parameters.

    Raises:
        NotFoundError: there is no such preset.
        SpecError: a setting is wrong, or the layers do not fit the images; the layer is named.
    """
    recipe = models.preset_of(key)
    spec = models.resolve(key, settings or {})
    rows = models.summarize(spec, shape, classes) if spec.kind == "network" else []
    layers = tuple(
        PresetLayer(
            row.number,
            row.layer.key,
            row.layer.model_dump(mode="json", exclude_defaults=True),
            tuple(row.output_shape),
            row.n_parameters,
        )
        for row in rows
    )
    knobs = tuple(parameter.model_dump(mode="json") for parameter in recipe.parameters)
    count = sum(layer.parameters for layer in layers) if layers else None
    return PresetSummary(recipe.key, spec.kind, recipe.summary, knobs, shape, classes, layers, count)
