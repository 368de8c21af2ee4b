"""Pooling, by window or over the whole image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pigeonhole.models.layers import Layer, Shape
from pigeonhole.models.layers.base import pair
from pigeonhole.models.layers.pooling import AveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from pigeonhole.models.networks.modules.padding import same_padding


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
