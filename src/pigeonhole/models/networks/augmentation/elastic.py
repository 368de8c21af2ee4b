"""Images bent like rubber: random displacement fields as Simard, Steinkraus and Platt 2003 draw them, at less cost.

They smooth white noise with a Gaussian. With mirrored borders the Gaussian's own functions are cosines, so the same
fields are a sum of cosines with independent normal strengths, of which the few long ones hold all but 1% of the
variance: for 28×28 pixels and the usual smoothness 29 numbers an axis instead of 784, and nothing to smooth.

Axes: N images, F fields (cosines), P = H·W pixels.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from pigeonhole.models.settings import Augmentation

_KEPT_VARIANCE = 0.99


def strengths(n: int, height: int, width: int, how: Augmentation, random: torch.Generator) -> Tensor:
    """The strength (N, 2, F) of every field of an image, to the right and down, in coordinates from -1 to 1."""
    count = len(fields(height, width, how.elastic_smoothness))
    return torch.randn(n, 2, count, generator=random) * (2 * how.elastic)


@lru_cache(maxsize=8)
def fields(height: int, width: int, smoothness: float) -> Tensor:
    """The fields (F, P), whose sum with unit normal strengths has variance 1 on average over the pixels.

    Args:
        height: in pixels.
        width: in pixels.
        smoothness: standard deviation of the Gaussian, as a share of height and width.
    """
    down_HH, right_WW = _cosines(height), _cosines(width)
    energy_HW = torch.outer(_energies(height, smoothness), _energies(width, smoothness)).flatten()
    energy_F, order_F = energy_HW.sort(descending=True, stable=True)
    kept = int((energy_F.cumsum(0) < _KEPT_VARIANCE * energy_F.sum()).sum()) + 1
    weights_F = (energy_F[:kept] / energy_F[:kept].sum()).sqrt()
    rows_F, columns_F = order_F[:kept] // width, order_F[:kept] % width
    waves_FP = (down_HH[rows_F, :, None] * right_WW[columns_F, None, :]).flatten(1)
    return (weights_F[:, None] * waves_FP).to(torch.float32)


def _cosines(extent: int) -> Tensor:
    """Wave k at pixel i, in row k; each with mean square 1."""
    waves = torch.arange(extent, dtype=torch.float64)
    values = torch.cos(math.pi * torch.outer(waves, (waves + 0.5) / extent)) * math.sqrt(2)
    values[0] = 1
    return values


def _energies(extent: int, smoothness: float) -> Tensor:
    """What the Gaussian leaves of each wave's variance."""
    return torch.exp(-((math.pi * smoothness * torch.arange(extent, dtype=torch.float64)) ** 2))
