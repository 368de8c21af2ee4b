"""Images mixed in pairs: Zhang et al. 2018. The loss that goes with it is in `objective`.

Axes: N images, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def mix(x_NCHW: Tensor, alpha: float, random: torch.Generator) -> tuple[Tensor, Tensor | None]:
    """The batch with each image mixed with the one before it, which in a shuffled batch is any.

    The larger share is an image's own (of each pair both images occur as the larger one, so nothing is lost), and so
    its label is still the most likely one.

    Args:
        x_NCHW: not changed.
        alpha: of the Beta(α, α) that shares are drawn from, for every image anew; 0 does nothing.
        random: on the CPU.

    Returns:
        The batch, and each image's own share (N), from a half to 1; `None` where nothing was mixed.
    """
    if not alpha:
        return x_NCHW, None
    seed = int(torch.randint(2**62, (), generator=random))
    drawn_N = np.random.default_rng(seed).beta(alpha, alpha, len(x_NCHW))  # torch draws no Beta from a generator
    share_N = torch.from_numpy(np.maximum(drawn_N, 1 - drawn_N).astype(np.float32)).to(x_NCHW.device, non_blocking=True)
    return torch.lerp(partners(x_NCHW), x_NCHW, share_N.view(-1, 1, 1, 1)), share_N


def partners(of_N: Tensor) -> Tensor:
    """For each image (or label) of a batch the one that it is mixed with."""
    return of_N.roll(1, dims=0)
