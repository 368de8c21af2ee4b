"""The noun `presets`: the named recipes for models, listed, and shown with layers, shapes and parameter counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pigeonhole import models

MNIST_SHAPE = (28, 28, 1)


@dataclass(frozen=True)
class PresetLayer:
    """One layer of a network for images of one shape.

    Attributes:
        number: from 1; `4.1` inside the block that is layer 4.
        layer: its name in a spec.
        settings: those that differ from Keras' defaults.
        output_shape: height, width and channels, or units.
        parameters: trained numbers.
        non_trainable: numbers that it keeps besides those, such as running statistics.
        layers: those of a block, whose numbers are contained in its own.
    """

    number: str
    layer: str
    settings: dict[str, Any]
    output_shape: tuple[int, ...]
    parameters: int
    non_trainable: int
    layers: tuple[PresetLayer, ...] = ()

    @classmethod
    def of(cls, row: models.LayerRow) -> PresetLayer:
        """A row of a network's table."""
        settings = row.layer.model_dump(mode="json", exclude_defaults=True, exclude={"layers"})
        inner = tuple(map(cls.of, row.inner))
        shape = tuple(row.output_shape)
        return cls(row.number, row.layer.key, settings, shape, row.n_parameters, row.n_non_trainable, inner)


@dataclass(frozen=True)
class PresetSummary:
    """A preset as users see it.

    Attributes:
        key: its name in commands and recipes.
        kind: `network` or `estimator`.
        knobs: what can be set: name, default, meaning, low, high, choices.
        layers: a network's layers, for `shape` and `classes`; empty for an estimator.
        parameters: trained numbers of a network; `None` for an estimator, where the data decides.
        non_trainable: a network's other numbers.
    """

    key: str
    kind: str
    summary: str
    knobs: tuple[dict[str, Any], ...]
    shape: tuple[int, int, int]
    classes: int
    layers: tuple[PresetLayer, ...]
    parameters: int | None
    non_trainable: int | None

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
    layers = tuple(map(PresetLayer.of, rows))
    knobs = tuple(parameter.model_dump(mode="json") for parameter in recipe.parameters)
    count = sum(layer.parameters for layer in layers) if layers else None
    others = sum(layer.non_trainable for layer in layers) if layers else None
    return PresetSummary(recipe.key, spec.kind, recipe.summary, knobs, shape, classes, layers, count, others)
