"""`cnn-3` by `models.fit`, with everything that a training does: checkpoints too.

    python speed_ours.py IMAGES.npz SETTINGS.json

Run by train_speed.py. Prints JSON: images/s of each epoch's training steps.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from pigeonhole import models
from pigeonhole.models.settings import Augmentation, Optimizer, Schedule, Training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("settings", type=Path)
    options = parser.parse_args()
    settings = json.loads(options.settings.read_text())
    # The same work as the peers do, not the preset's recipe: a constant rate, no averaged weights.
    training = Training(
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        optimizer=Optimizer(name="adam", learning_rate=settings["learning_rate"]),
        schedule=Schedule(name="constant"),
        augment=Augmentation(**settings["augment"]),
    )
    spec = replace(models.resolve("cnn-3"), training=training)
    with np.load(options.images) as arrays:
        images_NHWC, labels_N = arrays["images"], arrays["labels"].astype(np.int64)
    given = models.TrainingData(images_NHWC, labels_N, None, None, tuple("0123456789"))
    with tempfile.TemporaryDirectory(dir=options.settings.parent) as folder:
        trained = models.fit(spec, given, seed=0, folder=Path(folder) / "model")
    print(
        json.dumps(
            {
                "images_per_s": [record["images_per_s"] for record in trained.history],
                "train_accuracy": [record["train_accuracy"] for record in trained.history],
                "parameters": trained.n_parameters,
                "versions": [],
            }
        )
    )


if __name__ == "__main__":
    main()
