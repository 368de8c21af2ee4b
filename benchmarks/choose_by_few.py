"""What `cnn-best` is told apart by: trained on 12,000 images, judged on the 48,000 of all other writers.

    PIGEONHOLE_DATA=FOLDER python benchmarks/choose_by_few.py [--seeds 1] [--only NAME …]

A whole training leaves some 15 wrong images of 6,000 for validation, which tells no candidates apart; here some 300 are
wrong. Whether what helps a short training on few images helps a long one on all of them is not shown by this, and for
what needs long trainings (stronger augmentation) it is unlikely. Printed are the errors with one, five and nine views
of each image, of the same training. The test split is never opened. Probabilities are kept in
`.benchmarks/choose_by_few/`, a file a candidate and seed, so that it can be stopped and gone on with.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from choosing import resolved, settings
from mnist_images import mnist
from pigeonhole import models
from pigeonhole.core.files import write_bytes
from pigeonhole.core.locks import exclusive
from pigeonhole.models.networks.batches import Loader
from pigeonhole.models.networks.trained import TrainedNetwork
from pigeonhole.models.networks.views import views
from pigeonhole.models.settings import AUGMENTATIONS, Views
from pigeonhole.models.trained import Images
from validation_images import writers

FOLDER = Path(".benchmarks/choose_by_few")
TRAINED_ON, EPOCHS, BATCH, NINE = 12_000, 20, 250, Views(shifts=2)


def short(augment: Mapping[str, float] | None = None, **training: Any) -> Mapping[str, Any]:
    changed = {**AUGMENTATIONS["affine"], **(augment or {})}
    return settings(epochs=EPOCHS, training={"ema_decay": 0.995, "augment": changed, **training})


CANDIDATES = {
    "cnn-best": short(),
    "label smoothing 0": short(label_smoothing=0.0),
    "label smoothing 0.2": short(label_smoothing=0.2),
    "elastic 0.02": short({"elastic": 0.02}),
    "mixup 0.2": short({"mixup": 0.2}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES))
    options = parser.parse_args()
    images_NHWC, labels_N = mnist("train")
    is_known_N = by_few_writers()
    others_NHWC, expected_N = images_NHWC[~is_known_N], labels_N[~is_known_N]
    print(f"{is_known_N.sum():,} training images, {len(expected_N):,} of other writers")
    print(f"{'candidate':<22} wrong with 1, 5, 9 views")
    for name in options.only:
        for seed in range(options.seeds):
            path = FOLDER / f"{name.replace(' ', '-')}-{seed}.npy"
            with exclusive(FOLDER / "locks" / path.name, path.stem, wait=True):
                if not path.is_file():
                    model = trained(name, seed, images_NHWC[is_known_N], labels_N[is_known_N])
                    content = io.BytesIO()
                    np.save(content, np.concatenate(list(seen(model, others_NHWC)), axis=1))
                    write_bytes(path, content.getvalue())
            probs_VNK = np.load(path).astype(np.float32)
            wrong = [int((probs_VNK[:n].mean(axis=0).argmax(axis=1) != expected_N).sum()) for n in (1, 5, 9)]
            print(f"{name + f', seed {seed}':<22} {wrong}", flush=True)


def by_few_writers() -> npt.NDArray[np.bool_]:
    """Which images are by those writers, drawn at random, who together wrote not quite so many."""
    with writers().open(newline="") as file:
        writer_N = np.array([int(row["writer"]) for row in csv.DictReader(file)])
    place = {writer: place for place, writer in enumerate(np.random.default_rng(7).permutation(np.unique(writer_N)))}
    place_N = np.array([place[writer] for writer in writer_N])
    return place_N < np.sort(place_N)[TRAINED_ON]


def trained(name: str, seed: int, images_NHWC: Images, labels_N: npt.NDArray[np.int64]) -> TrainedNetwork:
    """The network after its last epoch, which no image chooses."""
    data = models.TrainingData(images_NHWC, labels_N, None, None, tuple("0123456789"))
    with tempfile.TemporaryDirectory() as folder:
        spec = resolved("cnn-best", CANDIDATES[name], Path(folder))
        model = models.fit(spec, data, seed=seed, folder=Path(folder) / "model")
    assert isinstance(model, TrainedNetwork)
    return model


@torch.inference_mode()
def seen(model: TrainedNetwork, images_NHWC: Images) -> Iterator[npt.NDArray[np.float16]]:
    """Probabilities (9, batch, K) of batch after batch: the image itself first, then moved by one pixel and by two."""
    network = model.network.to(memory_format=torch.channels_last)
    for x_NCHW in Loader(images_NHWC, model.normalizer, "cpu").in_order(BATCH):
        with torch.autocast("cpu", torch.bfloat16):
            logits_VNK = network(views(x_NCHW, NINE)).reshape(NINE.count, len(x_NCHW), -1)
        yield torch.softmax(logits_VNK.float(), dim=2).numpy().astype(np.float16)


if __name__ == "__main__":
    main()
