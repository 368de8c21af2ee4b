"""A network's layers with their output shapes and parameter counts, and whether they fit. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pigeonhole.core.errors import SpecError
from pigeonhole.models.layers import CLASSES, Layer, Shape, ShapeProblem, parse_layers, shape_text
from pigeonhole.models.layers.flat import Dense
from pigeonhole.models.spec import ModelSpec


@dataclass(frozen=True)
class LayerRow:
    """One line of a network's table.

    Attributes:
        number: from 1.
        layer: its settings, with the number of classes put in.
        output_shape: (H, W, C), or (units,).
        n_parameters: trained numbers.
    """

    number: int
    layer: Layer
    output_shape: Shape
    n_parameters: int


def summarize(spec: ModelSpec, shape_HWC: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """The table of a network's layers for images of one shape.

    Raises:
        SpecError: the shapes do not fit; the layer, the shape it got and the shape it needs are named.
    """
    layers, _ = parse_layers(list(spec.layers))
    return check_shapes([with_classes(layer, classes) for layer in layers], shape_HWC, classes)


def with_classes(layer: Layer, classes: int) -> Layer:
    """The layer with the number of classes in the place of `$classes`."""
    if isinstance(layer, Dense) and layer.units == CLASSES:
        return layer.model_copy(update={"units": classes})
    return layer


def check_shapes(layers: Sequence[Layer], shape_HWC: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """As `summarize`, for layers that are read already.

    Raises:
        SpecError: as `summarize`.
    """
    rows: list[LayerRow] = []
    shape: Shape = shape_HWC
    for number, layer in enumerate(layers, start=1):
        try:
            output = layer.output_shape(shape)
            rows.append(LayerRow(number, layer, output, layer.n_parameters(shape)))
        except ShapeProblem as problem:
            raise SpecError(
                f"layer {number} ({layer.key}) got {shape_text(shape)}, from images of {shape_text(shape_HWC)}",
                f"{problem}",
                "change that layer or one before it, or ingest larger images",
            ) from problem
        shape = output
    if shape != (classes,):
        raise SpecError(
            f"layer {len(layers)} ({layers[-1].key}), the last one, gives {shape_text(shape)} an image",
            f"{classes}: one number for each class",
            "end with `dense: {units: $classes, activation: softmax}`",
        )
    return rows
