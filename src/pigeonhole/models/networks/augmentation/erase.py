"""A random rectangle of each image made as bright as the mean: part of what Zhong et al. 2017 call random erasing.

Axes: N images, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor


def erase(x_NCHW: Tensor, most: float, random: torch.Generator) -> Tensor:
    """The batch with one rectangle of each image set to 0, which is the mean of normalised images.

    Height and width are uniform between nothing and `most`, so a ninth of the rectangles cover a third of the
    greatest area or more, and no probability is needed besides. The whole rectangle lies in the image.

    Args:
        x_NCHW: normalised images; not changed.
        most: the greatest height and width, as a share of the image's.
        random: on the CPU.
    """
    n, _, height, width = x_NCHW.shape
    drawn_4N = torch.rand(4, n, generator=random)
    rows_NH = _inside(height, drawn_4N[0] * most, drawn_4N[1])
    columns_NW = _inside(width, drawn_4N[2] * most, drawn_4N[3])
    # A product of numbers takes a third of the time that a mask of truth values does.
    kept_N1HW = 1 - rows_NH[:, None, :, None] * columns_NW[:, None, None, :]
    return x_NCHW * kept_N1HW.to(x_NCHW.device, non_blocking=True)


def _inside(extent: int, share_N: Tensor, place_N: Tensor) -> Tensor:
    """1 for the pixels of one axis whose centre is inside (N, extent), 0 for the others."""
    centres = (torch.arange(extent) + 0.5) / extent
    start_N1 = (place_N * (1 - share_N))[:, None]
    return ((centres >= start_N1) & (centres < start_N1 + share_N[:, None])).to(torch.float32)
