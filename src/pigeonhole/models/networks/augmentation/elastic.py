"""Images bent like rubber: random displacement fields as Simard, Steinkraus and Platt 2003 draw them, at less cost.

They smooth white noise with a Gaussian. On a plane that repeats itself beyond the image, the same fields are a sum of
waves with independent normal strengths, of which the few long ones hold all but 1% of the variance: some 40 numbers for
a direction instead of one for each pixel, and nothing to smooth.

Axes: N images, F fields (waves), P = H·W pixels.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from pigeonhole.models.settings import Augmentation

_KEPT_VARIANCE = 0.99
_PERIOD = 1.5  # of the image's extent: its two borders then have nothing in common at the usual smoothness


def strengths(n: int, height: int, width: int, how: Augmentation, random: torch.Generator) -> Tensor:
    """The strength (N, 2, F) of every field of an image, to the right and down, in coordinates from -1 to 1."""
    count = len(fields(height, width, how.elastic_smoothness))
    return torch.randn(n, 2, count, generator=random) * (2 * how.elastic)


@lru_cache(maxsize=8)
def fields(height: int, width: int, smoothness: float) -> Tensor:
    """The fields (F, P), whose sum with unit normal strengths has variance 1 at every pixel.

    Args:
        height: in pixels.
        width: in pixels.
        smoothness: standard deviation of the Gaussian, as a share of height and width.
    """
    energy_W, down_WH = _waves(height, smoothness)
    _, right_WW = _waves(width, smoothness)
    energy_WW = torch.outer(energy_W, energy_W)
    falling = energy_WW.flatten().sort(descending=True).values
    least = falling[int((falling.cumsum(0) < _KEPT_VARIANCE * falling.sum()).sum())]
    # All waves of one energy stay or go together: sine and cosine only in pairs have the same variance everywhere.
    rows_F, columns_F = torch.nonzero(energy_WW >= least, as_tuple=True)
    energy_F = energy_WW[rows_F, columns_F]
    waves_FP = (down_WH[rows_F, :, None] * right_WW[columns_F, None, :]).flatten(1)
    return ((energy_F / energy_F.sum()).sqrt()[:, None] * waves_FP).to(torch.float32)


def _waves(extent: int, smoothness: float) -> tuple[Tensor, Tensor]:
    """What the Gaussian leaves of the variance of each wave, and the waves themselves, each with mean square 1."""
    longest = math.ceil(_PERIOD / smoothness / 2)  # beyond, less than a ten-thousandth is left
    turns = 2 * math.pi * torch.arange(1, longest + 1, dtype=torch.float64) / _PERIOD
    energies = torch.exp(-((turns * smoothness) ** 2))
    angles = torch.outer(turns, (torch.arange(extent, dtype=torch.float64) + 0.5) / extent)
    one = torch.ones(1, extent, dtype=torch.float64)
    waves = torch.cat([one, angles.cos() * math.sqrt(2), angles.sin() * math.sqrt(2)])
    return torch.cat([one[0, :1], energies, energies]), waves
