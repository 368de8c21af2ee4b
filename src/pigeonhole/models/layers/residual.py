"""A block whose input is added to what its layers make of it; ours, Keras builds it by hand.

Source: He et al. 2016, "Deep Residual Learning for Image Recognition"; the projection is their option B.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_serializer

from pigeonhole.models.layers.base import (
    Activation,
    Layer,
    Shape,
    ShapeProblem,
    layer_to_item,
    shape_text,
    shapes_through,
)
from pigeonhole.models.layers.convolution import Conv2D
from pigeonhole.models.layers.flat import Dense


class Residual(Layer):
    """`residual: {layers: [...]}`: their output plus the input, then `activation`.

    `shortcut: identity` wants layers that give the shape they got. `projection` sends the input through a 1×1
    convolution without bias, with the stride that fits (a dense layer, where the input is flat). `auto` is `identity`
    where the shapes are the same, and `projection` where they are not.
    """

    key: ClassVar[str] = "residual"
    main: ClassVar[str | None] = "layers"
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    shortcut: Literal["auto", "identity", "projection"] = "auto"
    activation: Activation = "linear"

    @field_serializer("layers")
    def _items(self, layers: tuple[Layer, ...]) -> list[Any]:
        return [layer_to_item(layer) for layer in layers]

    def output_shape(self, shape: Shape) -> Shape:
        """That of its last layer."""
        output = shapes_through(self.layers, shape)[-1]
        self._projection(shape, output)
        return output

    def n_parameters(self, shape: Shape) -> int:
        """Those of its layers and of the projection."""
        projection = self.projection(shape)
        return sum(
            (layer.n_parameters(inner) for layer, inner in zip(self.layers, self._inputs(shape), strict=True)),
            start=projection.n_parameters(shape) if projection else 0,
        )

    def n_non_trainable(self, shape: Shape) -> int:
        """Those of its layers."""
        return sum(layer.n_non_trainable(inner) for layer, inner in zip(self.layers, self._inputs(shape), strict=True))

    def projection(self, shape: Shape) -> Layer | None:
        """The layer that the input goes through before it is added; `None` where it is added as it is.

        Raises:
            ShapeProblem: no shortcut fits.
        """
        return self._projection(shape, shapes_through(self.layers, shape)[-1])

    def _inputs(self, shape: Shape) -> list[Shape]:
        return shapes_through(self.layers, shape)[:-1]

    def _projection(self, shape: Shape, output: Shape) -> Layer | None:
        if output == shape and self.shortcut != "projection":
            return None
        if self.shortcut == "identity":
            raise _unlike(shape, output, f"layers that give {shape_text(shape)} again", "or `shortcut: auto`")
        if len(output) != len(shape):
            raise _unlike(shape, output, "layers that keep an image an image", "without `flatten` or global pooling")
        if len(shape) == 1:
            return Dense(units=output[0], use_bias=False)
        strides = _stride(shape[0], output[0]), _stride(shape[1], output[1])
        if (-(-shape[0] // strides[0]), -(-shape[1] // strides[1])) != output[:2]:
            raise _unlike(
                shape, output, "layers that give every 1st, 2nd, 3rd … row and column", "for example by `padding: same`"
            )
        step = strides[0] if strides[0] == strides[1] else strides
        return Conv2D(filters=output[2], kernel_size=1, strides=step, use_bias=False)


def _stride(extent: int, wanted: int) -> int:
    """The least step that leaves no more than `wanted` of `extent` places; if any step leaves just those, it does."""
    return -(-extent // wanted)


def _unlike(shape: Shape, output: Shape, needed: str, remedy: str) -> ShapeProblem:
    return ShapeProblem(f"{needed} (they give {shape_text(output)}), {remedy}", shape)
