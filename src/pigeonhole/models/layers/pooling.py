"""Pooling, by window or over the whole image."""

from __future__ import annotations

from typing import ClassVar

from pigeonhole.models.layers.base import Layer, Padding, Shape, need_image, pair, window_output
from pigeonhole.models.layers.convolution import Window


class _Pooling2D(Layer):
    main: ClassVar[str | None] = "pool_size"
    pool_size: Window = 2
    strides: Window | None = None  # None: as large as the window
    padding: Padding = "valid"

    def output_shape(self, shape: Shape) -> Shape:
        """(H', W', C)."""
        return window_output(shape, pair(self.pool_size), pair(self.strides or self.pool_size), self.padding)


class MaxPooling2D(_Pooling2D):
    """`max_pooling2d: {pool_size: 2}`."""

    key: ClassVar[str] = "max_pooling2d"


class AveragePooling2D(_Pooling2D):
    """`average_pooling2d: {pool_size: 2}`."""

    key: ClassVar[str] = "average_pooling2d"


class _GlobalPooling2D(Layer):
    def output_shape(self, shape: Shape) -> Shape:
        """(C,)."""
        return (need_image(shape)[2],)


class GlobalMaxPooling2D(_GlobalPooling2D):
    """`global_max_pooling2d`: each channel's largest value."""

    key: ClassVar[str] = "global_max_pooling2d"


class GlobalAveragePooling2D(_GlobalPooling2D):
    """`global_average_pooling2d`: each channel's mean."""

    key: ClassVar[str] = "global_average_pooling2d"
