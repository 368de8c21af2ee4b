"""First weights, by Keras' names and formulas.

Sources: Glorot & Bengio 2010 (glorot), He et al. 2015 (he). Keras draws its normal ones from a normal
distribution cut off at two standard deviations, and widens it so that the variance is what the name says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch import Tensor, nn

_CUT_NORMAL_SD = 0.87962566103423978  # standard deviation of a unit normal cut off at ±2


Fans = tuple[int, int]  # inputs that an output sums over, outputs that an input goes into


def initialize(weight: Tensor, how: str, fans: Fans | None = None) -> None:
    """Fills a weight.

    Args:
        weight: (outputs, inputs) with the window behind them, or a bias.
        how: Keras' name.
        fans: `None` takes them from the weight's shape.
    """
    INITIALIZERS[how](weight, fans or _fans(weight))


def _fans(weight: Tensor) -> Fans:
    if weight.ndim == 1:
        return weight.shape[0], weight.shape[0]
    window = math.prod(weight.shape[2:])
    return weight.shape[1] * window, weight.shape[0] * window


def _uniform(weight: Tensor, variance: float) -> None:
    limit = math.sqrt(3 * variance)
    nn.init.uniform_(weight, -limit, limit)


def _cut_normal(weight: Tensor, variance: float) -> None:
    sd = math.sqrt(variance) / _CUT_NORMAL_SD
    nn.init.trunc_normal_(weight, 0.0, sd, -2 * sd, 2 * sd)


INITIALIZERS: Mapping[str, Callable[[Tensor, Fans], object]] = {
    "glorot_uniform": lambda weight, fans: _uniform(weight, 2 / sum(fans)),
    "glorot_normal": lambda weight, fans: _cut_normal(weight, 2 / sum(fans)),
    "he_uniform": lambda weight, fans: _uniform(weight, 2 / fans[0]),
    "he_normal": lambda weight, fans: _cut_normal(weight, 2 / fans[0]),
    "zeros": lambda weight, _fans: nn.init.zeros_(weight),
    "ones": lambda weight, _fans: nn.init.ones_(weight),
}
