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
from pigeonhole.models.layers.regularizer import Regularizer

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
    kernel_regularizer: Regularizer | None = None

    def output_shape(self, shape: Shape) -> Shape:
        """(H', W', filters)."""
        return window_output(shape, pair(self.kernel_size), pair(self.strides), self.padding, self.filters)

    def n_parameters(self, shape: Shape) -> int:
        """Kernel and bias."""
        rows, columns = pair(self.kernel_size)
        return (rows * columns * need_image(shape)[2] + self.use_bias) * self.filters


class DepthwiseConv2D(Layer):
    """`depthwise_conv2d: {kernel_size: 3}`: each channel is convolved by itself, into `depth_multiplier` channels."""

    key: ClassVar[str] = "depthwise_conv2d"
    kernel_size: Window
    strides: Window = 1
    padding: Padding = "valid"
    depth_multiplier: Size = 1
    activation: Activation = "linear"
    use_bias: bool = True
    depthwise_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    depthwise_regularizer: Regularizer | None = None

    def output_shape(self, shape: Shape) -> Shape:
        """(H', W', C·depth_multiplier)."""
        channels = need_image(shape)[2] * self.depth_multiplier
        return window_output(shape, pair(self.kernel_size), pair(self.strides), self.padding, channels)

    def n_parameters(self, shape: Shape) -> int:
        """Kernel and bias."""
        rows, columns = pair(self.kernel_size)
        return (rows * columns + self.use_bias) * need_image(shape)[2] * self.depth_multiplier


class SeparableConv2D(Layer):
    """`separable_conv2d: {filters: 32, kernel_size: 3}`: depthwise, then 1×1, with one bias, at the end."""

    key: ClassVar[str] = "separable_conv2d"
    filters: Size
    kernel_size: Window
    strides: Window = 1
    padding: Padding = "valid"
    depth_multiplier: Size = 1
    activation: Activation = "linear"
    use_bias: bool = True
    depthwise_initializer: Initializer = "glorot_uniform"
    pointwise_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    depthwise_regularizer: Regularizer | None = None
    pointwise_regularizer: Regularizer | None = None

    def output_shape(self, shape: Shape) -> Shape:
        """(H', W', filters)."""
        return window_output(shape, pair(self.kernel_size), pair(self.strides), self.padding, self.filters)

    def n_parameters(self, shape: Shape) -> int:
        """Both kernels and the bias."""
        rows, columns = pair(self.kernel_size)
        between = need_image(shape)[2] * self.depth_multiplier
        return rows * columns * between + (between + self.use_bias) * self.filters
