"""`cnn-3` in plain Keras on TensorFlow, as its documentation writes it. Needs no pigeonhole.

    python speed_keras.py IMAGES.npz SETTINGS.json [--precision mixed_bfloat16] [--jit] [--augment-in data|model]
    python speed_keras.py … --until 0.99    stop at this accuracy on the test images in IMAGES.npz

Run by train_speed.py and fast.py. Prints JSON: images/s of each epoch's training steps. With `--until` the test images
decide when it stops, which ours never allows itself, and which favours the peer.
"""

from __future__ import annotations

import argparse
import json
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

STEPS_PER_EXECUTION = 32


def main() -> None:
    options = arguments()
    settings = json.loads(options.settings.read_text())
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy(options.precision)
    arrays = np.load(options.images)
    inside = options.augment_in == "model" and bool(settings["augment"])
    data = batches(arrays["images"], arrays["labels"], settings, moved=bool(settings["augment"]) and not inside)
    model = network(settings, arrays["images"].shape[1:], moved=inside)
    model.compile(
        keras.optimizers.Adam(settings["learning_rate"]),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"] if options.until else [],
        jit_compile=options.jit,
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    clock = Clock(len(data) * settings["batch_size"])
    judged = Until(options.until) if options.until else None
    test = (arrays["test_images"], arrays["test_labels"]) if options.until else None
    model.fit(
        data,
        epochs=settings["epochs"],
        shuffle=False,  # done by the dataset
        verbose=0,
        validation_data=test,
        validation_batch_size=500,
        callbacks=[clock, *([judged] if judged else [])],
    )
    print(
        json.dumps(
            {
                "images_per_s": clock.images_per_s,
                "parameters": int(sum(np.prod(weights.shape) for weights in model.trainable_weights)),
                "versions": [f"Keras {keras.__version__}", f"TensorFlow {tf.__version__}"],
                "test_accuracy": judged.accuracies if judged else [],
            }
        )
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--precision", choices=["float32", "mixed_bfloat16"], default="mixed_bfloat16")
    parser.add_argument("--augment-in", choices=["data", "model"], default="data")
    parser.add_argument("--jit", action="store_true")
    parser.add_argument("--until", type=float, help="the accuracy to stop at")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def batches(images: Any, labels: Any, settings: dict[str, Any], *, moved: bool) -> Any:
    """In memory, shuffled, and ready before they are asked for; of one size, so that nothing is compiled twice."""
    data = tf.data.Dataset.from_tensor_slices((images, labels.astype(np.int32))).cache()
    data = data.shuffle(len(labels), reshuffle_each_iteration=True)
    data = data.batch(settings["batch_size"], drop_remainder=True)
    if moved:
        augment = keras.Sequential(moves(settings["augment"]))
        data = data.map(
            lambda x, y: (augment(tf.cast(x, tf.float32), training=True), y), num_parallel_calls=tf.data.AUTOTUNE
        )
    return data.prefetch(tf.data.AUTOTUNE)


def moves(how: dict[str, float]) -> list[Any]:
    """What moves in repeats the border, as with ours. In fp32: on processors Keras turns bf16 images more slowly."""
    return [
        layers.RandomRotation(how["rotate_degrees"] / 360, fill_mode="nearest", dtype="float32"),
        layers.RandomTranslation(how["shift"], how["shift"], fill_mode="nearest", dtype="float32"),
    ]


def network(settings: dict[str, Any], shape: tuple[int, ...], *, moved: bool) -> keras.Model:
    """The layers of the preset, which are spelled as Keras spells them. An unknown one stops the measurement."""
    made = [keras.Input(shape), layers.Rescaling(1 / 255)]
    made += moves(settings["augment"]) if moved else []
    for layer in settings["layers"]:
        name, how = (layer, {}) if isinstance(layer, str) else next(iter(layer.items()))
        if name == "pad_to":
            assert how["height"] <= shape[0], "the images are large enough, so nothing is padded"
            continue
        made.append(LAYERS[name](how))
    return keras.Sequential(made)


def dense(how: dict[str, Any]) -> Any:
    if how["units"] == "$classes":
        return layers.Dense(10, "softmax", dtype="float32")
    return layers.Dense(how["units"], how["activation"])


LAYERS = {
    "conv2d": lambda how: layers.Conv2D(how["filters"], how["kernel_size"], activation=how["activation"]),
    "max_pooling2d": lambda how: layers.MaxPooling2D(how["pool_size"]),
    "batch_normalization": lambda how: layers.BatchNormalization(momentum=how["momentum"], epsilon=how["epsilon"]),
    "flatten": lambda _: layers.Flatten(),
    "dense": dense,
    "dropout": lambda how: layers.Dropout(how["rate"]),
}


class Clock(keras.callbacks.Callback):
    """Images/s of each epoch's training steps, without a look at the test images."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images, self.images_per_s = images, []
        self._start, self._running = 0.0, False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        """Starts the clock."""
        self._start, self._running = time.perf_counter(), True

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        """Stops it: the training steps are done."""
        self._stop()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        """Stops it, if nothing was looked at in between."""
        self._stop()

    def _stop(self) -> None:
        if self._running:
            self.images_per_s.append(self.images / (time.perf_counter() - self._start))
        self._running = False


class Until(keras.callbacks.Callback):
    """Ends the training at an accuracy."""

    def __init__(self, accuracy: float) -> None:
        super().__init__()
        self.wanted, self.accuracies = accuracy, []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        """Looks at what the epoch gave."""
        self.accuracies.append(float(logs["val_accuracy"]))
        self.model.stop_training = self.accuracies[-1] >= self.wanted


if __name__ == "__main__":
    main()
