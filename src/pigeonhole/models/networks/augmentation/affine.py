"""Turned, slanted, scaled, shifted: the affine map of each image. Moves no pixel itself; that is `geometry`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pigeonhole.models.settings import Augmentation


def matrices(n: int, how: Augmentation, aspect: float, random: torch.Generator) -> Tensor:
    """Maps (N, 2, 3) from a target pixel to the source pixel, in coordinates from -1 to 1; rows are x and y.

    Args:
        n: images.
        how: the greatest amounts.
        aspect: width over height: a rotation in pixels is none in coordinates that are squeezed.
        random: on the CPU.
    """
    if not (how.rotate_degrees or how.scale or how.shift or how.shear_degrees):
        return torch.eye(2, 3).repeat(n, 1, 1)
    either_way_5N = torch.rand(5, n, generator=random) * 2 - 1
    angle_N = either_way_5N[0] * math.radians(how.rotate_degrees)
    slant_N = torch.tan(either_way_5N[1] * math.radians(how.shear_degrees))
    size_N = 1 + either_way_5N[2] * how.scale
    # A shift by the whole width is 2 in these coordinates.
    right_N, down_N = either_way_5N[3:] * (2 * how.shift)
    cos_N, sin_N = angle_N.cos() / size_N, angle_N.sin() / size_N
    across_N = (cos_N * slant_N - sin_N) / aspect
    return torch.stack([cos_N, across_N, right_N, sin_N * aspect, sin_N * slant_N + cos_N, down_N], dim=1).view(n, 2, 3)
