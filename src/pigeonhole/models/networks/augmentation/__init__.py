"""Random changes of a whole batch at once, as tensor operations. Knows no dataset: what it does is in the spec.

Axes: N images, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pigeonhole.models.networks.augmentation.erase import erase
from pigeonhole.models.networks.augmentation.geometry import move, moves
from pigeonhole.models.networks.augmentation.mixup import mix
from pigeonhole.models.settings import Augmentation

__all__ = ["augment", "mix"]


def augment(x_NCHW: Tensor, how: Augmentation, random: torch.Generator) -> Tensor:
    """The batch with every image moved and partly erased by its own random amounts; mixing is `mix`.

    Args:
        x_NCHW: normalised images, so that 0 is the mean; not changed.
        how: the greatest amounts.
        random: on the CPU, so that every device draws the same numbers.

    Returns:
        In channels-last memory; the very batch where nothing is to be done.
    """
    if moves(how):
        x_NCHW = move(x_NCHW, how, random)
    if how.erase:
        x_NCHW = erase(x_NCHW, how.erase, random)
    return x_NCHW
