"""Convolutions: whole, depthwise, separable."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from pigeonhole.models.layers import Shape
from pigeonhole.models.layers.base import pair
from pigeonhole.models.layers.convolution import Conv2D, DepthwiseConv2D, SeparableConv2D
from pigeonhole.models.networks.initializers import initialize
from pigeonhole.models.networks.modules.activations import activation
from pigeonhole.models.networks.modules.padding import same_padding
from pigeonhole.models.networks.penalties import Regularized


class _Padded(nn.Conv2d):
    """torch's convolution with the padding of a layer."""

    def __init__(
        self, layer: Conv2D | DepthwiseConv2D | SeparableConv2D, shape: Shape, filters: int, groups: int, bias: bool
    ) -> None:
        size, strides = pair(layer.kernel_size), pair(layer.strides)
        left, right, top, bottom = same_padding(shape, size, strides, layer.padding)
        # Padding inside the convolution is free. Uneven padding has to be a step of its own, and so has that of images
        # smaller than a stride: torch 2.13 in bf16 leaves the gradient unwritten where a kernel sees padding only.
        inside = left == right and top == bottom and shape[0] >= strides[0] and shape[1] >= strides[1]
        super().__init__(shape[2], filters, size, strides, (top, left) if inside else 0, groups=groups, bias=bias)
        self.sides = None if inside else (left, right, top, bottom)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, filters, H', W')."""
        return super().forward(x_NCHW if self.sides is None else functional.pad(x_NCHW, self.sides))


class Convolution(nn.Module):
    """`conv2d`."""

    def __init__(self, layer: Conv2D, shape: Shape) -> None:
        super().__init__()
        self.conv = _Padded(layer, shape, layer.filters, 1, layer.use_bias)
        self.activation = activation(layer.activation)
        self.regularized: Regularized = ((self.conv, layer.kernel_regularizer),)
        initialize(self.conv.weight, layer.kernel_initializer)
        if self.conv.bias is not None:
            initialize(self.conv.bias, layer.bias_initializer)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, filters, H', W')."""
        return self.activation(self.conv(x_NCHW))


def _depthwise(layer: DepthwiseConv2D | SeparableConv2D, shape: Shape, bias: bool) -> _Padded:
    channels, multiplier = shape[2], layer.depth_multiplier
    conv = _Padded(layer, shape, channels * multiplier, channels, bias)
    window = conv.weight[0].numel()
    # Keras counts its kernel, (H, W, C, multiplier), as if each output saw all channels.
    initialize(conv.weight, layer.depthwise_initializer, (channels * window, multiplier * window))
    return conv


class DepthwiseConvolution(nn.Module):
    """`depthwise_conv2d`."""

    def __init__(self, layer: DepthwiseConv2D, shape: Shape) -> None:
        super().__init__()
        self.conv = _depthwise(layer, shape, layer.use_bias)
        self.activation = activation(layer.activation)
        self.regularized: Regularized = ((self.conv, layer.depthwise_regularizer),)
        if self.conv.bias is not None:
            initialize(self.conv.bias, layer.bias_initializer)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, C·depth_multiplier, H', W'); the outputs of a channel stand together."""
        return self.activation(self.conv(x_NCHW))


class SeparableConvolution(nn.Module):
    """`separable_conv2d`."""

    def __init__(self, layer: SeparableConv2D, shape: Shape) -> None:
        super().__init__()
        self.depthwise = _depthwise(layer, shape, bias=False)
        self.pointwise = nn.Conv2d(self.depthwise.out_channels, layer.filters, 1, bias=layer.use_bias)
        self.activation = activation(layer.activation)
        self.regularized: Regularized = (
            (self.depthwise, layer.depthwise_regularizer),
            (self.pointwise, layer.pointwise_regularizer),
        )
        initialize(self.pointwise.weight, layer.pointwise_initializer)
        if self.pointwise.bias is not None:
            initialize(self.pointwise.bias, layer.bias_initializer)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, filters, H', W')."""
        return self.activation(self.pointwise(self.depthwise(x_NCHW)))
