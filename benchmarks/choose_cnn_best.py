"""How the preset `cnn-best` was chosen: augmentation, width and schedule, on validation images of other writers.

    PIGEONHOLE_DATA=FOLDER python benchmarks/choose_cnn_best.py [--seeds 1] [--only NAME …]

Every candidate but the last, the preset itself, has about the time of eight epochs of the first: narrower networks
train longer. See choosing.py for what is printed and kept.
"""

from __future__ import annotations

from typing import Any

from choosing import Candidates, main, settings

RELU = [{"batch_normalization": {"momentum": 0.9}}, {"activation": "relu"}]
LIGHT = {"rotate_degrees": 12, "scale": 0.1, "shift": 0.08}


def convolution(filters: int, pooled: bool = False, **more: Any) -> list[Any]:
    pooling = ["max_pooling2d"] if pooled else []
    return [{"conv2d": {"filters": filters, "kernel_size": 3, "use_bias": False, **more}}, *pooling, *RELU]


def narrow(layers: list[Any]) -> list[Any]:
    """14.8 instead of 22.7 million multiplications an image: two convolutions lose their padding."""
    return [
        *layers[:5],
        *convolution(64, padding="same"),
        *convolution(64),
        *convolution(128, pooled=True),
        *convolution(128, padding="same"),
        *convolution(192),
        *layers[-2:],
    ]


def narrower(layers: list[Any]) -> list[Any]:
    """8.8 million multiplications an image: most of its convolutions see 4 by 4 pixels."""
    return [
        *layers[:5],
        *convolution(64),
        *convolution(64, pooled=True),
        *convolution(128, padding="same"),
        *convolution(128, padding="same"),
        *convolution(128),
        *layers[-2:],
    ]


def residual(layers: list[Any]) -> list[Any]:
    """35 million multiplications an image: a residual block at 12 pixels and one at 6."""

    def block(filters: int) -> list[Any]:
        inner = [*convolution(filters, padding="same"), *convolution(filters, padding="same")[:-1]]
        return [{"residual": {"layers": inner, "activation": "relu"}}]

    return [
        *layers[:5],
        *convolution(64, padding="same"),
        *block(64),
        *convolution(128, pooled=True, padding="same"),
        *block(128),
        *layers[-2:],
    ]


def short(epochs: int = 8, augment: str = "auto", **more: Any) -> Any:
    """A third of the time that the preset takes, from one view of an image, and gently changed images."""
    training = {"ema_decay": 0.995, "test_time_augmentation": {"shifts": 0}, **more.pop("training", {})}
    return settings(epochs=epochs, augment=augment, training=training, **more)


CANDIDATES: Candidates = {
    "six convolutions": short(),
    "narrow": short(12, layers=narrow),
    "narrower": short(20, layers=narrower),
    "residual": short(5, layers=residual),
    "affine": short(augment="affine"),
    "elastic 0.02": short(training={"augment": {**LIGHT, "elastic": 0.02}}),
    "elastic 0.04": short(training={"augment": {**LIGHT, "elastic": 0.04}}),
    "weight decay 0.001": short(weight_decay=1e-3),
    "five views": short(training={"test_time_augmentation": {"shifts": 1}}),
    "cnn-best": settings(),
}


if __name__ == "__main__":
    main("cnn-best", CANDIDATES, __doc__)
