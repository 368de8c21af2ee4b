"""Convolutions."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pigeonhole.models.layers.base import (
    Activation,
    Initializer,
    Layer,
    Padding,
    Shape,
    need_image,
    pair,
    window_output,
)

Size = Annotated[int, Field(ge=1)]
Window = Size | tuple[Size, Size]


class Conv2D(Layer):
    """`conv2d: {filters: 32, kernel_size: 3}`."""

    key: ClassVar[str] = "conv2d"
    filters: Size
    kernel_size: Window
    strides: Window = 1
    padding: Padding = "valid"
    activation: Activation = "linear"
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"

    def output_shape(self, shape: Shape) -> Shape:
        """(H', W', filters)."""
        return window_output(shape, pair(self.kernel_size), pair(self.strides), self.padding, self.filters)

    def n_parameters(self, shape: Shape) -> int:
        """Kernel and bias."""
        rows, columns = pair(self.kernel_size)
        return (rows * columns * need_image(shape)[2] + self.use_bias) * self.filters
