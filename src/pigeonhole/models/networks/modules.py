"""Layer settings → torch modules that compute what Keras computes, on NCHW tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from pigeonhole.models.layers import Layer, Shape
from pigeonhole.models.layers.anywhere import Activation, BatchNormalization, Dropout
from pigeonhole.models.layers.base import Padding, pair
from pigeonhole.models.layers.convolution import Conv2D
from pigeonhole.models.layers.flat import Dense, Flatten
from pigeonhole.models.layers.padding import PadTo
from pigeonhole.models.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from pigeonhole.models.layers.transfer import Timm
from pigeonhole.models.networks.initializers import INITIALIZERS
from pigeonhole.models.networks.transfer import Backbone

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": functional.relu,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "elu": functional.elu,
    "gelu": functional.gelu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: functional.softmax(x, dim=1),
}
Sides = tuple[int, int, int, int]  # left, right, top, bottom


def same_padding(shape: Shape, size: tuple[int, int], strides: tuple[int, int], padding: Padding) -> Sides:
    """The rows and columns that `padding: same` adds; as in Keras, the odd one goes right and below."""
    if padding == "valid":
        return 0, 0, 0, 0
    sides: list[int] = []
    for extent, window, step in zip(shape[1::-1], size[::-1], strides[::-1], strict=True):
        total = max((-(-extent // step) - 1) * step + window - extent, 0)
        sides += [total // 2, total - total // 2]
    return sides[0], sides[1], sides[2], sides[3]


class Convolution(nn.Module):
    """`conv2d`."""

    def __init__(self, layer: Conv2D, shape: Shape) -> None:
        super().__init__()
        size, strides = pair(layer.kernel_size), pair(layer.strides)
        left, right, top, bottom = same_padding(shape, size, strides, layer.padding)
        even = left == right and top == bottom
        # Padding inside the convolution is free; uneven padding has to be a step of its own.
        self.sides = None if even else (left, right, top, bottom)
        self.conv = nn.Conv2d(shape[2], layer.filters, size, strides, (top, left) if even else 0, bias=layer.use_bias)
        self.activation = layer.activation
        INITIALIZERS[layer.kernel_initializer](self.conv.weight)
        if self.conv.bias is not None:
            INITIALIZERS[layer.bias_initializer](self.conv.bias)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, filters, H', W')."""
        if self.sides is not None:
            x_NCHW = functional.pad(x_NCHW, self.sides)
        return ACTIVATIONS[self.activation](self.conv(x_NCHW))


class Pooling(nn.Module):
    """`max_pooling2d` and `average_pooling2d`; padding never counts as a pixel."""

    def __init__(self, layer: MaxPooling2D | AveragePooling2D, shape: Shape) -> None:
        super().__init__()
        self.size = pair(layer.pool_size)
        self.strides = pair(layer.strides or layer.pool_size)
        self.sides = same_padding(shape, self.size, self.strides, layer.padding)
        self.largest = isinstance(layer, MaxPooling2D)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, C, H', W')."""
        if self.largest:
            padded = functional.pad(x_NCHW, self.sides, value=-torch.inf) if any(self.sides) else x_NCHW
            return functional.max_pool2d(padded, self.size, self.strides)
        if not any(self.sides):
            return functional.avg_pool2d(x_NCHW, self.size, self.strides)
        inside = functional.pad(torch.ones_like(x_NCHW[:1, :1]), self.sides)
        total = functional.avg_pool2d(functional.pad(x_NCHW, self.sides), self.size, self.strides)
        return total / functional.avg_pool2d(inside, self.size, self.strides)


class GlobalPooling(nn.Module):
    """`global_max_pooling2d` and `global_average_pooling2d`."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.largest = isinstance(layer, GlobalMaxPooling2D)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, C)."""
        return x_NCHW.amax(dim=(2, 3)) if self.largest else x_NCHW.mean(dim=(2, 3))


class FlattenRows(nn.Module):
    """`flatten`: by row, column, channel, so that a dense kernel copied from Keras fits; free on channels-last."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, H·W·C)."""
        return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).flatten(1)


class DenseUnits(nn.Module):
    """`dense`."""

    def __init__(self, layer: Dense, shape: Shape) -> None:
        super().__init__()
        self.linear = nn.Linear(shape[0], layer.n_units, bias=layer.use_bias)
        self.activation = layer.activation
        INITIALIZERS[layer.kernel_initializer](self.linear.weight)
        if self.linear.bias is not None:
            INITIALIZERS[layer.bias_initializer](self.linear.bias)

    def forward(self, x_ND: Tensor) -> Tensor:
        """(N, units)."""
        return ACTIVATIONS[self.activation](self.linear(x_ND))


class Activate(nn.Module):
    """`activation`."""

    def __init__(self, layer: Activation) -> None:
        super().__init__()
        self.activation = layer.activation

    def forward(self, x: Tensor) -> Tensor:
        """The shape of `x`."""
        return ACTIVATIONS[self.activation](x)


class Normalization(nn.Module):
    """`batch_normalization`. A single value a channel has no variance: it becomes β, as in Keras; torch refuses it."""

    def __init__(self, layer: BatchNormalization, shape: Shape) -> None:
        super().__init__()
        size = shape[-1]
        self.momentum = 1 - layer.momentum  # Keras weighs the old value, torch the new one
        self.epsilon = layer.epsilon
        self.scale = nn.Parameter(torch.ones(size)) if layer.scale else None
        self.center = nn.Parameter(torch.zeros(size)) if layer.center else None
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """The shape of `x`."""
        if self.training and x.numel() == x.shape[1]:
            return self._normalize(torch.cat([x, x]))[:1]
        return self._normalize(x)

    def _normalize(self, x: Tensor) -> Tensor:
        return functional.batch_norm(
            x, self.mean, self.variance, self.scale, self.center, self.training, self.momentum, self.epsilon
        )


# A new layer needs its settings in `models/layers` and one line here.
BUILDERS: Mapping[type[Layer], Callable[..., nn.Module]] = {
    Conv2D: Convolution,
    MaxPooling2D: Pooling,
    AveragePooling2D: Pooling,
    GlobalMaxPooling2D: lambda layer, _shape: GlobalPooling(layer),
    GlobalAveragePooling2D: lambda layer, _shape: GlobalPooling(layer),
    Flatten: lambda _layer, _shape: FlattenRows(),
    Dense: DenseUnits,
    Activation: lambda layer, _shape: Activate(layer),
    BatchNormalization: Normalization,
    Dropout: lambda layer, _shape: nn.Dropout(layer.rate),
    PadTo: lambda layer, shape: nn.ZeroPad2d(layer.sides(shape)),
    Timm: Backbone,
}


def build_module(layer: Layer, shape: Shape) -> nn.Module:
    """The torch module of one layer for inputs of `shape` (an image's, channels last)."""
    return BUILDERS[type(layer)](layer, shape)
