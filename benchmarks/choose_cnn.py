"""How the preset `cnn` was chosen: one thing changed at a time, judged on validation images of writers not trained on.

    PIGEONHOLE_DATA=FOLDER python benchmarks/choose_cnn.py [--seeds 2] [--only NAME …]

See choosing.py for what is printed and kept.
"""

from __future__ import annotations

import copy
from typing import Any

from choosing import Candidates, Change, main, settings


def normalized_before_pooling(layers: list[Any]) -> list[Any]:
    """As most write it: convolution, normalisation, activation, pooling."""
    result: list[Any] = []
    for layer in layers:
        result.append(layer)
        if layer == {"activation": "relu"} and result[-3] == "max_pooling2d":
            result.append(result.pop(-3))
    return result


def flat_end(layers: list[Any]) -> list[Any]:
    return ["flatten" if layer == "global_max_pooling2d" else layer for layer in layers]


def mean_end(layers: list[Any]) -> list[Any]:
    return ["global_average_pooling2d" if layer == "global_max_pooling2d" else layer for layer in layers]


def strided_stem(layers: list[Any]) -> list[Any]:
    """The first convolution steps over every other pixel, instead of a pooling after it."""
    changed = copy.deepcopy(layers)
    stem = next(layer["conv2d"] for layer in changed if "conv2d" in layer)
    stem["strides"] = 2
    changed.remove("max_pooling2d")
    return changed


def filters(*sizes: int) -> Change:
    def change(layers: list[Any]) -> list[Any]:
        changed, left = copy.deepcopy(layers), list(sizes)
        for layer in changed:
            if "conv2d" in layer:
                layer["conv2d"]["filters"] = left.pop(0)
        return changed

    return change


CANDIDATES: Candidates = {
    "cnn": settings(),
    "learning rate 0.1": settings(learning_rate=0.1),
    "learning rate 0.3": settings(learning_rate=0.3),
    "batch 128, rate 0.14": settings(batch_size=128, learning_rate=0.14),
    "batch 512, rate 0.28": settings(batch_size=512, learning_rate=0.28),
    "5 epochs": settings(epochs=5),
    "7 epochs": settings(epochs=7),
    "no augmentation": settings(augment="none"),
    "with shear": settings(
        training={"augment": {"rotate_degrees": 10, "scale": 0.1, "shift": 0.08, "shear_degrees": 8}}
    ),
    "no label smoothing": settings(label_smoothing=0.0),
    "no averaging": settings(ema_decay=0.0),
    "decay 0.001": settings(weight_decay=1e-3),
    "normalisation before pooling": normalized_before_pooling,
    "flat end": flat_end,
    "mean end": mean_end,
    "strided stem": strided_stem,
    "filters 24 48 64 96": filters(24, 48, 64, 96),
    "filters 32 64 96 192": filters(32, 64, 96, 192),
}


if __name__ == "__main__":
    main("cnn", CANDIDATES, __doc__)
