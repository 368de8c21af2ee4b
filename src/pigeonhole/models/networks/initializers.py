"""First weights, by Keras' names and formulas.

Sources: Glorot & Bengio 2010 (glorot), He et al. 2015 (he). Keras draws its normal ones from a normal
distribution cut off at two standard deviations, and widens it so that the variance is what the name says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch import Tensor, nn

_CUT_NORMAL_SD = 0.87962566103423978  # standard deviation of a unit normal cut off at ±2


def _fans(weight: Tensor) -> tuple[int, int]:
    window = math.prod(weight.shape[2:])
    return weight.shape[1] * window, weight.shape[0] * window


def _uniform(weight: Tensor, variance: float) -> None:
    limit = math.sqrt(3 * variance)
    nn.init.uniform_(weight, -limit, limit)


def _cut_normal(weight: Tensor, variance: float) -> None:
    sd = math.sqrt(variance) / _CUT_NORMAL_SD
    nn.init.trunc_normal_(weight, 0.0, sd, -2 * sd, 2 * sd)


INITIALIZERS: Mapping[str, Callable[[Tensor], object]] = {
    "glorot_uniform": lambda weight: _uniform(weight, 2 / sum(_fans(weight))),
    "glorot_normal": lambda weight: _cut_normal(weight, 2 / sum(_fans(weight))),
    "he_uniform": lambda weight: _uniform(weight, 2 / _fans(weight)[0]),
    "he_normal": lambda weight: _cut_normal(weight, 2 / _fans(weight)[0]),
    "zeros": nn.init.zeros_,
    "ones": nn.init.ones_,
}
