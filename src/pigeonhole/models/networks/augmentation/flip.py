"""Mirrored left to right: which images. Moves no pixel itself; that is `geometry`."""

from __future__ import annotations

import torch
from torch import Tensor


def sides(n: int, probability: float, random: torch.Generator) -> Tensor:
    """-1 for a mirrored image and 1 for another (N, 1): the factor of its row that says where columns come from."""
    return torch.where(torch.rand(n, 1, generator=random) < probability, -1.0, 1.0)
