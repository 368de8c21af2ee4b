"""Layers on flat inputs, and the step that makes an input flat."""

from __future__ import annotations

from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pigeonhole.models.layers.base import CLASSES, Activation, Initializer, Layer, Shape, ShapeProblem
from pigeonhole.models.layers.regularizer import Regularizer


class Dense(Layer):
    """`dense: {units: 128, activation: relu}`; `units: $classes` is one unit a class."""

    key: ClassVar[str] = "dense"
    main: ClassVar[str | None] = "units"
    units: Annotated[int, Field(ge=1)] | Literal["$classes"]
    activation: Activation = "linear"
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer | None = None

    def output_shape(self, shape: Shape) -> Shape:
        """(units,)."""
        if len(shape) != 1:
            raise ShapeProblem("a flat input; put `flatten` or a global pooling before it")
        return (self.n_units,)

    def n_parameters(self, shape: Shape) -> int:
        """Kernel and bias."""
        return (shape[0] + self.use_bias) * self.n_units

    @property
    def n_units(self) -> int:
        """The number of units, once the number of classes has been put in."""
        if self.units == CLASSES:
            raise ShapeProblem("the number of classes, which is known once there is a dataset")
        return self.units


class Flatten(Layer):
    """`flatten`: rows, then columns, then channels, as in Keras."""

    key: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """(H·W·C,)."""
        return (prod(shape),)
