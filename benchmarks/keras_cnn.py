"""The network of the preset `cnn` in plain Keras on TensorFlow, as its documentation writes it. Needs no pigeonhole.

    python keras_cnn.py IMAGES.npz SETTINGS.json [--precision float32|mixed_bfloat16]

Run by train_cnn.py. Prints JSON: images/s and validation accuracy of each epoch.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--precision", choices=["float32", "mixed_bfloat16"], default="mixed_bfloat16")
    options = parser.parse_args()
    settings = json.loads(options.settings.read_text())
    keras.utils.set_random_seed(settings["seed"])
    keras.config.set_dtype_policy(options.precision)
    arrays = np.load(options.images)
    train = dataset(arrays["train_images"], arrays["train_labels"], settings, training=True)
    validation = dataset(arrays["validation_images"], arrays["validation_labels"], settings, training=False)
    steps = math.ceil(len(arrays["train_labels"]) / settings["batch_size"])
    model = compiled(network(arrays, settings), settings, steps * settings["epochs"])
    clock = Clock(len(arrays["train_labels"]))
    # The averaged weights are swapped in for each validation, as the preset does.
    callbacks = [keras.callbacks.SwapEMAWeights(), clock]
    history = model.fit(
        train, validation_data=validation, epochs=settings["epochs"], callbacks=callbacks, verbose=0
    ).history
    print(
        json.dumps(
            {
                "images_per_s": clock.images_per_s,
                "validation_accuracy": [float(value) for value in history["val_accuracy"]],
                "parameters": int(sum(np.prod(weight.shape) for weight in model.trainable_weights)),
                "keras": keras.__version__,
                "tensorflow": tf.__version__,
            }
        )
    )


def dataset(images: Any, labels: Any, settings: dict[str, Any], *, training: bool) -> Any:
    """Batches in memory; shuffled and augmented for training, ready before they are asked for."""
    data = tf.data.Dataset.from_tensor_slices((images, tf.one_hot(labels, 10)))
    if not training:
        return data.batch(500).prefetch(tf.data.AUTOTUNE)
    how = settings["augment"]
    turn = how["rotate_degrees"] / 360
    augment = keras.Sequential(
        [
            layers.RandomRotation(turn, fill_mode="nearest"),
            layers.RandomTranslation(how["shift"], how["shift"], fill_mode="nearest"),
            layers.RandomZoom((-how["scale"], how["scale"]), fill_mode="nearest"),
        ]
    )
    data = data.shuffle(len(labels), reshuffle_each_iteration=True).batch(settings["batch_size"])
    return data.map(
        lambda x, y: (augment(tf.cast(x, tf.float32), training=True), y), num_parallel_calls=tf.data.AUTOTUNE
    ).prefetch(tf.data.AUTOTUNE)


def network(arrays: Any, settings: dict[str, Any]) -> keras.Model:
    sample = arrays["train_images"][::6]
    # The regulariser adds l2·w² to the loss, whose gradient is twice that of weight decay.
    decay = keras.regularizers.L2(settings["weight_decay"] / 2)

    def convolution(filters: int, size: int, *, pool: bool) -> list[Any]:
        parts = [layers.Conv2D(filters, size, use_bias=False, kernel_regularizer=decay)]
        parts += [layers.MaxPooling2D()] if pool else []
        return [*parts, layers.BatchNormalization(momentum=0.9), layers.ReLU()]

    return keras.Sequential(
        [
            keras.Input(arrays["train_images"].shape[1:]),
            layers.Normalization(mean=float(sample.mean()), variance=float(sample.var()), axis=None),
            *convolution(32, 5, pool=True),
            *convolution(64, 3, pool=False),
            *convolution(64, 3, pool=True),
            *convolution(128, 3, pool=False),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10, kernel_regularizer=decay),
            layers.Activation("softmax", dtype="float32"),
        ]
    )


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """A line up, half a cosine down."""

    def __init__(self, peak: float, warmup: float, steps: int) -> None:
        self.peak, self.warmup, self.steps = peak, warmup, steps

    def __call__(self, step: Any) -> Any:
        """The rate of a step, counted from 0."""
        done = (tf.cast(step, tf.float32) + 1) / self.steps
        down = (1 + tf.cos(math.pi * (done - self.warmup) / (1 - self.warmup))) / 2
        return self.peak * tf.where(done < self.warmup, done / self.warmup, down)


def compiled(model: keras.Model, settings: dict[str, Any], steps: int) -> keras.Model:
    model.compile(
        keras.optimizers.SGD(
            OneCycle(settings["learning_rate"], settings["warmup"], steps),
            momentum=0.9,
            nesterov=True,
            use_ema=True,
            ema_momentum=settings["ema_decay"],
        ),
        keras.losses.CategoricalCrossentropy(label_smoothing=settings["label_smoothing"]),
        metrics=["accuracy"],
    )
    return model


class Clock(keras.callbacks.Callback):
    """Images/s of each epoch's training steps, without its validation."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images, self.images_per_s = images, []
        self._start = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        """Starts the clock."""
        self._start = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        """Stops it: the training steps are done, validation begins."""
        self.images_per_s.append(self.images / (time.perf_counter() - self._start))


if __name__ == "__main__":
    main()
