"""A block that adds its input to what its layers make of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from pigeonhole.models.layers import Layer, Shape, shapes_through
from pigeonhole.models.layers.residual import Residual
from pigeonhole.models.networks.modules.activations import activation

Build = Callable[[Sequence[Layer], Sequence[Shape]], list[tuple[str, nn.Module]]]


class ResidualBlock(nn.Module):
    """`residual`.

    Args:
        layer: its settings.
        shape: of its input.
        build: makes the named modules of its layers.
    """

    def __init__(self, layer: Residual, shape: Shape, build: Build) -> None:
        super().__init__()
        self.body = nn.Sequential(OrderedDict(build(layer.layers, shapes_through(layer.layers, shape))))
        projection = layer.projection(shape)
        self.shortcut = None if projection is None else build([projection], [shape])[0][1]
        self.activation = activation(layer.activation)

    def forward(self, x: Tensor) -> Tensor:
        """The shape of its last layer."""
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return self.activation(self.body(x) + shortcut)
