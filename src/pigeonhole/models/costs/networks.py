"""What networks cost: steps of multiply-adds, of numbers that pass through memory, and of weights that move.

Convolutions of many channels are bound by arithmetic, early ones and everything without a kernel by memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pigeonhole.models.layers.base import pair
from pigeonhole.models.layers.convolution import Conv2D, DepthwiseConv2D, SeparableConv2D
from pigeonhole.models.layers.flat import Dense
from pigeonhole.models.layers.transfer import Timm
from pigeonhole.models.settings import Augmentation, Training
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.summary import LayerRow, summarize

Shape = tuple[int, ...]
# Training, by benchmarks/costs.py: seconds a multiply-add of forward and backward pass, each of which counts; those of
# the first convolution, whose rows are too short for the processor; and seconds a number that leaves a layer.
TRAINED_S, FIRST_S, DENSE_S, DEPTHWISE_S, PASSED_S = 1.2e-11, 5.2e-11, 4e-11, 3e-10, 1.1e-9
# The same for a finished network, which predicts in fp32, and how much less a look at validation images takes in bf16.
PREDICTED_S, PREDICTED_DENSE_S, PREDICTED_PASSED_S = 1.4e-11, 2.7e-11, 1.65e-9
LOOKED = 0.6
# Of a step: every layer's calls, and every weight's way through the optimizer and its average.
CALLED_S, MOVED_S = 2e-5, 5e-9
# Seconds a value of an augmented image.
LOADED_S, WARPED_S, ELASTIC_S, MIRRORED_S = 2e-9, 5.6e-8, 2e-8, 4.1e-8
CHECKPOINT_S = 0.01
VALIDATION_BATCH = 500


@dataclass(frozen=True)
class Load:
    """What one image asks of a network, and one step besides.

    Attributes:
        convolved: multiply-adds of convolutions.
        first: of them, those of layers that see the image itself, whose input needs no gradient.
        dense: multiply-adds of dense layers.
        depthwise: multiply-adds of a channel by itself.
        passed: numbers that leave its layers.
        weights: trained numbers.
        layers: how many there are.
    """

    convolved: float
    first: float
    dense: float
    depthwise: float
    passed: float
    weights: float
    layers: int

    def image_s(self) -> float:
        """Seconds of one image in a training step; what the first convolution sees needs no gradient."""
        dense_s, depthwise_s = self.dense * DENSE_S, self.depthwise * DEPTHWISE_S
        convolved_s = (self.convolved - self.first) * TRAINED_S + dense_s + depthwise_s
        return 3 * convolved_s + 2 * self.first * FIRST_S + self.passed * PASSED_S

    def step_s(self) -> float:
        """Seconds of a step besides its images."""
        return self.layers * CALLED_S + self.weights * MOVED_S

    def predict_s(self) -> float:
        """Seconds of one view of an image."""
        dense_s, depthwise_s = self.dense * PREDICTED_DENSE_S, self.depthwise * DEPTHWISE_S
        return self.convolved * PREDICTED_S + dense_s + depthwise_s + self.passed * PREDICTED_PASSED_S


def load_of(spec: ModelSpec, shape_HWC: tuple[int, int, int], classes: int) -> Load:
    """The sums over a network's layers."""
    return _sum(list(_flat(summarize(spec, shape_HWC, classes), shape_HWC)))


def _flat(rows: Iterable[LayerRow], shape: Shape) -> Iterable[tuple[LayerRow, Shape]]:
    """Each layer, those of blocks too, with the shape it gets."""
    for row in rows:
        if row.inner:
            own = [inner for inner in row.inner if not inner.number.endswith("shortcut")]
            yield from _flat(own, shape)
            yield from ((inner, shape) for inner in row.inner if inner.number.endswith("shortcut"))
        else:
            yield row, shape
        shape = row.output_shape


def _sum(rows: list[tuple[LayerRow, Shape]]) -> Load:
    convolved = {row.number: _convolved(row, shape) for row, shape in rows}
    first = next((value for value in convolved.values() if value), 0.0)
    return Load(
        sum(convolved.values()),
        first,
        sum(math.prod(row.output_shape) * shape[0] for row, shape in rows if isinstance(row.layer, Dense)),
        sum(_depthwise(row) for row, _ in rows),
        sum(math.prod(row.output_shape) for row, _ in rows),
        sum(row.n_parameters for row, _ in rows),
        len(rows),
    )


def _convolved(row: LayerRow, shape: Shape) -> float:
    layer = row.layer
    if isinstance(layer, Timm):
        # What is inside is not known here. Published networks use each weight at about one place in 300 pixels.
        height, width = layer.size(shape)
        return (row.n_parameters + row.n_non_trainable) * max(1.0, height * width / 300)
    places = math.prod(row.output_shape[:2])
    if isinstance(layer, Conv2D):
        return places * math.prod(pair(layer.kernel_size)) * shape[2] * layer.filters
    if isinstance(layer, SeparableConv2D):
        return places * shape[2] * layer.depth_multiplier * layer.filters
    return 0.0


def _depthwise(row: LayerRow) -> float:
    if isinstance(row.layer, DepthwiseConv2D | SeparableConv2D):
        return math.prod(row.output_shape) * math.prod(pair(row.layer.kernel_size))
    return 0.0


def fit_s(training: Training, load: Load, pixels: int, images: int, predicted: int) -> float:
    """Seconds of a whole training, validation after each epoch included."""
    passes = max(1, math.ceil(training.min_steps * training.batch_size / images)) if training.min_steps > 1 else 1
    seen = passes * images
    steps = math.ceil(seen / training.batch_size)
    epoch_s = seen * (load.image_s() + augmented_s(training.augment, pixels)) + steps * load.step_s()
    return training.epochs * (epoch_s + LOOKED * predict_s(training, load, pixels, predicted) + CHECKPOINT_S)


def augmented_s(augment: Augmentation, pixels: int) -> float:
    """Seconds to load an image and change it; `auto` may choose to warp it, which costs most of what it may choose."""
    warped = augment.auto or augment.rotate_degrees or augment.scale or augment.shift or augment.shear_degrees
    mirrored = augment.flip or augment.crop or augment.erase or augment.mixup
    return pixels * (
        LOADED_S + WARPED_S * bool(warped) + ELASTIC_S * bool(augment.elastic) + MIRRORED_S * bool(mirrored)
    )


def predict_s(training: Training, load: Load, pixels: int, predicted: int) -> float:
    """Seconds of one pass over images, in all their views."""
    views = training.test_time_augmentation.count
    calls = math.ceil(predicted * views / VALIDATION_BATCH) * load.layers * CALLED_S
    return predicted * (views * load.predict_s() + pixels * LOADED_S) + calls


def held_bytes(training: Training, load: Load, pixels: int) -> float:
    """Weights with gradients, optimizer, average and a copy to judge; a batch's numbers, and those of a validation."""
    batch = training.batch_size * (load.passed * 10 + pixels * 16)
    return load.weights * 32 + batch + VALIDATION_BATCH * (load.passed * 2 + pixels * 8)
