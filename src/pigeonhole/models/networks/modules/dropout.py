"""Dropout, with random numbers drawn two bytes at a time.

torch draws them one element after the other: 0.45 ms for 128 × 256 of them on one core, in place of 0.12. Behind a
convolution that is a tenth of a step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 2**16


class Dropout(nn.Module):
    """`dropout`: each value is zeroed with probability `rate` (to the nearest 1/65,536), the rest grow to make up.

    Args:
        rate: from 0 to below 1.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.zeroed = round(rate * _LEVELS)

    def forward(self, x: Tensor) -> Tensor:
        """The shape of `x`; `x` itself while evaluating."""
        if not self.training or not self.zeroed:
            return x
        kept = (_draws(x) >= self.zeroed - _LEVELS // 2).to(x.dtype)
        return x * kept.mul_(_LEVELS / (_LEVELS - self.zeroed))


def _draws(x: Tensor) -> Tensor:
    """Whole numbers from -32,768 to 32,767, all equally likely, from torch's random state, in the layout of `x`."""
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
    draws = words.random_(-(2**63), None).view(torch.int16)[: x.numel()]
    channels_last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return draws.as_strided(x.shape, x.stride()) if channels_last else draws.view(x.shape)
