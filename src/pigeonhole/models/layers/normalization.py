"""Normalisation over a batch, or over the channels of a place."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pigeonhole.models.layers.base import Layer, Shape

Epsilon = Annotated[float, Field(gt=0)]


class _Normalization(Layer):
    epsilon: Epsilon = 1e-3
    center: bool = True
    scale: bool = True

    def n_parameters(self, shape: Shape) -> int:
        """γ and β; running statistics are not trained."""
        return shape[-1] * (self.center + self.scale)


class BatchNormalization(_Normalization):
    """`batch_normalization: {momentum: 0.99, epsilon: 0.001}`: each channel, over the batch."""

    key: ClassVar[str] = "batch_normalization"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99

    def n_non_trainable(self, shape: Shape) -> int:
        """The running mean and variance."""
        return 2 * shape[-1]


class LayerNormalization(_Normalization):
    """`layer_normalization: {epsilon: 0.001}`: each place of each image, over its channels (Keras' `axis=-1`)."""

    key: ClassVar[str] = "layer_normalization"
