"""Padding as a layer of its own."""

from __future__ import annotations

from typing import ClassVar

from pigeonhole.models.layers.base import Layer, Shape, need_image
from pigeonhole.models.layers.convolution import Size


class PadTo(Layer):
    """`pad_to: {height: 24, width: 24}`: smaller images get zeros (the mean brightness) all round; ours, not Keras'."""

    key: ClassVar[str] = "pad_to"
    height: Size
    width: Size

    def output_shape(self, shape: Shape) -> Shape:
        """At least (height, width, C)."""
        height, width, channels = need_image(shape)
        return max(height, self.height), max(width, self.width), channels

    def sides(self, shape: Shape) -> tuple[int, int, int, int]:
        """Columns left and right, rows above and below."""
        height, width, _ = need_image(shape)
        rows, columns = max(0, self.height - height), max(0, self.width - width)
        return columns // 2, columns - columns // 2, rows // 2, rows - rows // 2
