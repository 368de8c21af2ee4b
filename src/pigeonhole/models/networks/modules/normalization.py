"""Normalisation over the batch, or over the channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pigeonhole.models.layers import Shape
from pigeonhole.models.layers.normalization import BatchNormalization, LayerNormalization


class BatchNorm(nn.Module):
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
        if not self.training:
            return self._normalize(x, self.variance)
        if x.numel() == x.shape[1]:
            return self._train(torch.cat([x, x]))[:1]
        return self._train(x)

    def _train(self, x: Tensor) -> Tensor:
        # torch averages variances over n - 1, Keras over n. Scaled before and after, the average is one of the latter.
        # It is done on a copy, since the backward pass wants what it was given unchanged.
        n = x.numel() // x.shape[1]
        variance = self.variance * (n / (n - 1))
        y = self._normalize(x, variance)
        torch.mul(variance, (n - 1) / n, out=self.variance)
        return y

    def _normalize(self, x: Tensor, variance: Tensor) -> Tensor:
        return functional.batch_norm(
            x, self.mean, variance, self.scale, self.center, self.training, self.momentum, self.epsilon
        )


class LayerNorm(nn.Module):
    """`layer_normalization`, over the channels of each place. No copy is made of an image in channels-last memory."""

    def __init__(self, layer: LayerNormalization, shape: Shape) -> None:
        super().__init__()
        self.shape = shape[-1:]
        self.epsilon = layer.epsilon
        self.scale = nn.Parameter(torch.ones(self.shape)) if layer.scale else None
        self.center = nn.Parameter(torch.zeros(self.shape)) if layer.center else None

    def forward(self, x: Tensor) -> Tensor:
        """The shape of `x`."""
        if x.ndim == 4:
            return self._normalize(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self._normalize(x)

    def _normalize(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.shape, self.scale, self.center, self.epsilon)
