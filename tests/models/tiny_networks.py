"""A network that trains in a tenth of a second, with everything in it that a resumed training must carry over."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import models
from pigeonhole.testing.presets import sample

SPEC = """
type: network
summary: For tests.
parameters:
  epochs: {default: 4, low: 1, high: 1000, meaning: passes}
  learning_rate: {default: 0.05, low: 0, high: 1.0e+30, meaning: highest rate}
layers:
  - conv2d: {filters: 8, kernel_size: 3, padding: same, activation: relu}
  - max_pooling2d
  - batch_normalization: {momentum: 0.9}
  - flatten
  - dropout: 0.3
  - dense: {units: 16, activation: relu}
  - dense: {units: $classes, activation: softmax}
training:
  epochs: $epochs
  batch_size: 16
  optimizer: {name: sgd, learning_rate: $learning_rate, momentum: 0.9, nesterov: true, weight_decay: 1.0e-4}
  schedule: {name: one-cycle, warmup: 0.2}
  augment: affine-light
  label_smoothing: 0.05
  ema_decay: 0.9
"""


def spec(folder: Path, **settings: object) -> models.ModelSpec:
    """The spec, resolved from a user's own file."""
    path = folder / "tiny.yml"
    path.write_text(SPEC)
    return models.resolve(str(path), settings)


def data(n: int = 120) -> models.TrainingData:
    """Easy images with some noise."""
    return sample(n)
