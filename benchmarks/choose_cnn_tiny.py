"""How the preset `cnn-tiny` was chosen: one change at a time, judged on validation images of writers not trained on.

    PIGEONHOLE_DATA=FOLDER python benchmarks/choose_cnn_tiny.py [--seeds 2] [--only NAME …]

See choosing.py for what is printed and kept.
"""

from __future__ import annotations

from typing import Any

from choosing import Candidates, main, settings

RELU = [{"batch_normalization": {"momentum": 0.9}}, {"activation": "relu"}]
LIGHTER = {"rotate_degrees": 8, "scale": 0.08, "shift": 0.06}
HEAVIER = {"rotate_degrees": 10, "scale": 0.1, "shift": 0.07, "shear_degrees": 5}


def convolution(filters: int, **more: Any) -> list[Any]:
    return [{"conv2d": {"filters": filters, "kernel_size": 3, "use_bias": False, **more}}, *RELU]


def at_twelve_pixels(layers: list[Any]) -> list[Any]:
    """7,706 parameters: a convolution more before the second pooling, and narrower ones."""
    pooled = convolution(16, padding="same")
    return [
        *layers[:5],
        *convolution(12, padding="same"),
        *convolution(16),
        *[pooled[0], "max_pooling2d", *pooled[1:]],
        *convolution(16),
        *layers[-2:],
    ]


def separable(layers: list[Any]) -> list[Any]:
    """6,626 parameters: convolutions by channel and then by pixel, which allow more channels."""
    stem = {"conv2d": {"filters": 16, "kernel_size": 5, "use_bias": False}}
    block = [
        *_separable(32, padding="same"),
        {"residual": {"layers": _separable(32, padding="same")[:-1], "activation": "relu"}},
        "max_pooling2d",
        *_separable(40, padding="same"),
        *_separable(40),
    ]
    return [layers[0], stem, *layers[2:5], *block, *layers[-2:]]


def _separable(filters: int, **more: Any) -> list[Any]:
    return [{"separable_conv2d": {"filters": filters, "kernel_size": 3, "use_bias": False, **more}}, *RELU]


CANDIDATES: Candidates = {
    "cnn-tiny": settings(),
    "20 epochs": settings(epochs=20),
    "weight decay 0.0001": settings(weight_decay=1e-4),
    "weight decay 0.002, rate 0.3": settings(weight_decay=2e-3, learning_rate=0.3),
    "lighter augmentation": settings(training={"augment": LIGHTER}),
    "heavier augmentation": settings(training={"augment": HEAVIER}),
    "label smoothing 0.05": settings(training={"label_smoothing": 0.05}),
    "more at twelve pixels": at_twelve_pixels,
    "separable": separable,
}


if __name__ == "__main__":
    main("cnn-tiny", CANDIDATES, __doc__)
