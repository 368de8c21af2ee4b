"""What Keras computes for every layer that has a counterpart there, written to `keras_reference.json` beside this file.

    python tests/models/keras_reference.py      in an environment with the packages of benchmarks/peers.txt

Inputs and weights are made by formula, so that the file holds outputs alone. Our own environment has no Keras: the
tests read the file, and take from here only the cases and the formula.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_suffix(".json")
FLAT = (3, 7)
IMAGE = (2, 6, 7, 3)
DIGITS = 5
L1_L2 = {"l1": 0.02, "l2": 0.03}
ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "gelu", "silu", "swish", "sigmoid", "tanh", "softmax")
WINDOWS: tuple[dict[str, Any], ...] = (
    {"kernel_size": 3},
    {"kernel_size": [3, 2], "padding": "same"},
    {"kernel_size": 2, "strides": 2, "padding": "same"},
    {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "elu", "use_bias": False},
)
POOLS: tuple[dict[str, Any], ...] = (
    {"pool_size": 2},
    {"pool_size": 3, "strides": 1, "padding": "same"},
    {"pool_size": 2, "strides": 1, "padding": "same"},
    {"pool_size": [3, 2], "padding": "same"},
    {"pool_size": 3, "strides": 2},
    {"pool_size": 2, "strides": 3, "padding": "same"},
    {"pool_size": 4, "strides": 3, "padding": "same"},
)
# Layer lists, each with the shape of its inputs.
CASES: tuple[tuple[list[Any], tuple[int, ...]], ...] = (
    *(([{"conv2d": {"filters": 4, **window}}], IMAGE) for window in WINDOWS),
    *(([{"depthwise_conv2d": window}], IMAGE) for window in WINDOWS),
    *(([{"depthwise_conv2d": {**window, "depth_multiplier": 2}}], IMAGE) for window in WINDOWS[:2]),
    *(([{"separable_conv2d": {"filters": 4, **window}}], IMAGE) for window in WINDOWS),
    ([{"separable_conv2d": {"filters": 4, "kernel_size": 3, "depth_multiplier": 3}}], IMAGE),
    *(([{"max_pooling2d": pool}], IMAGE) for pool in POOLS),
    *(([{"average_pooling2d": pool}], IMAGE) for pool in POOLS),
    (["max_pooling2d"], IMAGE),
    (["global_max_pooling2d"], IMAGE),
    (["global_average_pooling2d"], IMAGE),
    (["flatten"], IMAGE),
    ([{"dense": {"units": 5, "activation": "gelu"}}], FLAT),
    ([{"dense": {"units": 5, "use_bias": False}}], FLAT),
    *(([{"activation": name}], FLAT) for name in ACTIVATIONS),
    ([{"activation": "softmax"}], IMAGE),
    (["batch_normalization"], IMAGE),
    ([{"batch_normalization": {"momentum": 0.8, "epsilon": 0.01, "center": False}}], FLAT),
    (["layer_normalization"], IMAGE),
    ([{"layer_normalization": {"epsilon": 0.01, "scale": False}}], FLAT),
    ([{"dropout": 0.5}], FLAT),
    ([{"conv2d": {"filters": 2, "kernel_size": 2, "kernel_regularizer": L1_L2}}], IMAGE),
    ([{"depthwise_conv2d": {"kernel_size": 2, "depthwise_regularizer": "l1"}}], IMAGE),
    ([{"separable_conv2d": {"filters": 2, "kernel_size": 2, "depthwise_regularizer": "l2"}}], IMAGE),
    ([{"separable_conv2d": {"filters": 2, "kernel_size": 2, "pointwise_regularizer": L1_L2}}], IMAGE),
    ([{"dense": {"units": 4, "kernel_regularizer": {"l2": 0.1}}}], FLAT),
    # Keras has no such layer: it is put together there, from the parts that ours says it has.
    ([{"residual": {"layers": [{"conv2d": {"filters": 3, "kernel_size": 3, "padding": "same"}}]}}], IMAGE),
    (
        [
            {
                "residual": {
                    "layers": [
                        {"conv2d": {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}},
                        "batch_normalization",
                        {"residual": {"layers": ["layer_normalization"]}},
                    ],
                    "shortcut": {"conv2d": {"filters": 4, "kernel_size": 1, "strides": 2, "use_bias": False}},
                    "activation": "relu",
                }
            }
        ],
        IMAGE,
    ),
    ([{"residual": {"layers": [{"dense": 4}], "shortcut": {"dense": {"units": 4, "use_bias": False}}}}], FLAT),
    (["flatten", {"dense": {"units": 128, "activation": "relu"}}, {"dense": {"units": 10}}], (1, 28, 28, 1)),
)  # fmt: skip


def numbers(shape: tuple[int, ...], which: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Values between -1 and 1 without a pattern that a mixed-up axis could keep."""
    places = np.arange(1, np.prod(shape, dtype=int) + 1, dtype=np.float64)
    return np.sin(places * places * 0.37 + 1.7 * which).reshape(shape).astype(np.float32)


def weight(name: str, shape: tuple[int, ...], which: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A weight by Keras' name and in Keras' layout; variances are positive."""
    values = numbers(shape, which)
    return np.abs(values) + 0.5 if name == "moving_variance" else values


def compute(keras: Any, items: list[Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """Counts, penalty and outputs; of batch normalisation also those of training, and what it left running."""
    inputs, made = keras.Input(shape[1:]), []
    network = keras.Model(inputs, _through(keras, items, inputs, made))
    variables = [variable for layer in made for variable in layer.weights]
    for which, variable in enumerate(variables, start=1):
        variable.assign(weight(variable.name, tuple(variable.shape), which))
    x = numbers(shape, 0)
    result = {
        "trainable": sum(int(np.prod(v.shape)) for v in network.trainable_weights),
        "non_trainable": sum(int(np.prod(v.shape)) for v in variables if not v.trainable),
        "penalty": sum(float(loss) for loss in network.losses),
        "output": _rounded(network(x, training=False)),
    }
    running = [variable for variable in variables if not variable.trainable]
    if running:
        result["training_output"] = _rounded(network(x, training=True))
        result["running"] = [_rounded(variable) for variable in running]
    return result


def _through(keras: Any, items: list[Any], x: Any, made: list[Any]) -> Any:
    """Applies the layers in turn and notes each that it makes, a shortcut's behind those of its block."""
    for item in items:
        name, settings = _name_and_settings(item)
        if name != "residual":
            made.append(_layer(keras, name, settings))
            x = made[-1](x)
            continue
        inner = _through(keras, settings["layers"], x, made)
        x = _through(keras, [settings["shortcut"]] if "shortcut" in settings else [], x, made)
        x = keras.layers.Activation(settings.get("activation", "linear"))(keras.layers.Add()([x, inner]))
    return x


def _name_and_settings(item: Any) -> tuple[str, dict[str, Any]]:
    name, settings = (item, {}) if isinstance(item, str) else next(iter(item.items()))
    if isinstance(settings, dict):
        return name, settings
    return name, {{"activation": "activation", "dropout": "rate", "dense": "units"}[name]: settings}


def _layer(keras: Any, name: str, settings: dict[str, Any]) -> Any:
    kind = getattr(keras.layers, "".join(word.title() for word in name.split("_")))
    return kind(**{key: _setting(keras, key, value) for key, value in settings.items()})


def _setting(keras: Any, key: str, value: Any) -> Any:
    if key.endswith("_regularizer") and isinstance(value, dict):
        return keras.regularizers.L1L2(**value)
    return tuple(value) if isinstance(value, list) else value


def _rounded(values: Any) -> Any:
    return np.round(np.asarray(values, np.float64), DIGITS).ravel().tolist()


def main() -> None:
    import keras
    import tensorflow as tf

    made_with = {"keras": keras.__version__, "tensorflow": tf.__version__}
    lines = [json.dumps({"items": items, "shape": shape, **compute(keras, items, shape)}) for items, shape in CASES]
    FILE.write_text(f'{{"made_with": {json.dumps(made_with)}, "cases": [\n' + ",\n".join(lines) + "\n]}\n")


if __name__ == "__main__":
    main()
