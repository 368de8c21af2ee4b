"""A network's layers with output shapes and parameter counts, and whether they fit. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pigeonhole.core.errors import SpecError
from pigeonhole.models.layers import CLASSES, Layer, Shape, ShapeProblem, parse_layers, shape_text, shapes_through
from pigeonhole.models.layers.flat import Dense
from pigeonhole.models.layers.residual import Residual
from pigeonhole.models.spec import ModelSpec


@dataclass(frozen=True)
class LayerRow:
    """One line of a network's table.

    Attributes:
        number: from 1; `4.1` for the first layer of the block that is layer 4, `4.shortcut` for its projection.
        layer: its settings, with the number of classes put in.
        output_shape: (H, W, C), or (units,).
        n_parameters: trained numbers.
        n_non_trainable: numbers that it keeps besides those, such as running statistics.
        inner: the rows of a block's layers, whose numbers are contained in its own.
    """

    number: str
    layer: Layer
    output_shape: Shape
    n_parameters: int
    n_non_trainable: int
    inner: tuple[LayerRow, ...] = ()


def summarize(spec: ModelSpec, shape_HWC: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """The table of a network's layers for images of one shape.

    Raises:
        SpecError: the shapes do not fit; the layer, the shape it got and the shape it needs are named.
    """
    layers, _ = parse_layers(list(spec.layers))
    return check_shapes([with_classes(layer, classes) for layer in layers], shape_HWC, classes)


def with_classes(layer: Layer, classes: int) -> Layer:
    """The layer with the number of classes in the place of `$classes`, inside blocks too."""
    if isinstance(layer, Dense) and layer.units == CLASSES:
        return layer.model_copy(update={"units": classes})
    if isinstance(layer, Residual):
        return layer.model_copy(update={"layers": tuple(with_classes(inner, classes) for inner in layer.layers)})
    return layer


def check_shapes(layers: Sequence[Layer], shape_HWC: tuple[int, int, int], classes: int) -> list[LayerRow]:
    """As `summarize`, for layers that are read already.

    Raises:
        SpecError: as `summarize`.
    """
    try:
        shapes = shapes_through(layers, shape_HWC)
    except ShapeProblem as problem:
        raise SpecError(
            f"{', '.join(problem.place)} got {shape_text(problem.got or ())}, from images of {shape_text(shape_HWC)}",
            str(problem),
            "change that layer or one before it, or ingest larger images",
        ) from problem
    if shapes[-1] != (classes,):
        raise SpecError(
            f"layer {len(layers)} ({layers[-1].key}), the last one, gives {shape_text(shapes[-1])} an image",
            f"{classes}: one number for each class",
            "end with `dense: {units: $classes, activation: softmax}`",
        )
    return _rows(layers, shapes)


def _rows(layers: Sequence[Layer], shapes: Sequence[Shape], prefix: str = "") -> list[LayerRow]:
    return [_row(f"{prefix}{index + 1}", layer, shapes[index], shapes[index + 1]) for index, layer in enumerate(layers)]


def _row(number: str, layer: Layer, shape: Shape, output: Shape) -> LayerRow:
    inner: list[LayerRow] = []
    if isinstance(layer, Residual):
        inner = _rows(layer.layers, shapes_through(layer.layers, shape), f"{number}.")
        projection = layer.projection(shape)
        if projection is not None:
            inner.append(_row(f"{number}.shortcut", projection, shape, output))
    return LayerRow(number, layer, output, layer.n_parameters(shape), layer.n_non_trainable(shape), tuple(inner))
