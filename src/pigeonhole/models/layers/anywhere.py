"""Layers that keep the shape and learn nothing: activation, dropout."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pigeonhole.models.layers.base import Activation as ActivationName
from pigeonhole.models.layers.base import Layer


class Activation(Layer):
    """`activation: relu`."""

    key: ClassVar[str] = "activation"
    main: ClassVar[str | None] = "activation"
    activation: ActivationName


class Dropout(Layer):
    """`dropout: {rate: 0.5}`: the share of inputs set to zero while training."""

    key: ClassVar[str] = "dropout"
    main: ClassVar[str | None] = "rate"
    rate: Annotated[float, Field(ge=0, lt=1)]
