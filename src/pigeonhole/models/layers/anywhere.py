"""Layers that keep the shape: activation, batch normalisation, dropout."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pigeonhole.models.layers.base import Activation as ActivationName
from pigeonhole.models.layers.base import Layer, Shape


class Activation(Layer):
    """`activation: relu`."""

    key: ClassVar[str] = "activation"
    main: ClassVar[str | None] = "activation"
    activation: ActivationName


class BatchNormalization(Layer):
    """`batch_normalization: {momentum: 0.99, epsilon: 0.001}`, over the channels."""

    key: ClassVar[str] = "batch_normalization"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    epsilon: Annotated[float, Field(gt=0)] = 1e-3
    center: bool = True
    scale: bool = True

    def n_parameters(self, shape: Shape) -> int:
        """γ and β; the running mean and variance are not trained."""
        return shape[-1] * (self.center + self.scale)


class Dropout(Layer):
    """`dropout: {rate: 0.5}`: the share of inputs set to zero while training."""

    key: ClassVar[str] = "dropout"
    main: ClassVar[str | None] = "rate"
    rate: Annotated[float, Field(ge=0, lt=1)]
