"""Dense layers, and what makes an input flat."""

from __future__ import annotations

from torch import Tensor, nn

from pigeonhole.models.layers import Shape
from pigeonhole.models.layers.flat import Dense
from pigeonhole.models.networks.initializers import initialize
from pigeonhole.models.networks.modules.activations import activation
from pigeonhole.models.networks.penalties import Regularized


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
        self.activation = activation(layer.activation)
        self.regularized: Regularized = ((self.linear, layer.kernel_regularizer),)
        initialize(self.linear.weight, layer.kernel_initializer)
        if self.linear.bias is not None:
            initialize(self.linear.bias, layer.bias_initializer)

    def forward(self, x_ND: Tensor) -> Tensor:
        """(N, units)."""
        return self.activation(self.linear(x_ND))
