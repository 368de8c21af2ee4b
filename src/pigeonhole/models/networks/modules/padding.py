"""What `padding: same` adds, and where."""

from __future__ import annotations

from pigeonhole.models.layers import Shape
from pigeonhole.models.layers.base import Padding

Sides = tuple[int, int, int, int]  # left, right, top, bottom


def same_padding(shape: Shape, size: tuple[int, int], strides: tuple[int, int], padding: Padding) -> Sides:
    """The rows and columns that `padding: same` adds; as in Keras, the odd one goes right and below."""
    if padding == "valid":
        return 0, 0, 0, 0
    sides: list[int] = []
    for extent, window, step in zip(shape[1::-1], size[::-1], strides[::-1], strict=True):
        total = max((-(-extent // step) - 1) * step + window - extent, 0)
        sides += [total // 2, total - total // 2]
    return sides[0], sides[1], sides[2], sides[3]
