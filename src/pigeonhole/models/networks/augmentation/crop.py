"""Cut out of a larger frame at a random place: by how many pixels. Moves none itself; that is `geometry`."""

from __future__ import annotations

import torch
from torch import Tensor


def whole_pixels(n: int, height: int, width: int, frame: float, random: torch.Generator) -> Tensor:
    """How far each image is moved right and down (N, 2), in coordinates from -1 to 1; whole pixels, so none is mixed.

    Args:
        n: images.
        height: in pixels.
        width: in pixels.
        frame: its width on each side as a share of height and width; rounded to pixels.
        random: on the CPU.
    """
    extents_2 = torch.tensor([width, height])
    frame_2 = (extents_2 * frame).round()
    drawn_N2 = torch.rand(n, 2, generator=random)
    # 1 - 2^-24 is the largest that is drawn, so the frame's last pixel is reached and not overstepped.
    return ((drawn_N2 * (2 * frame_2 + 1)).floor() - frame_2) * 2 / extents_2
