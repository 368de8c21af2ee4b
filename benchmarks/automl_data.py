"""The data of the AutoML measurements: what `pigeonhole ingest` is given, and the same images for the peers."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from measuring import pigeonhole
from mnist_images import mnist
from pigeonhole import data
from pigeonhole.core.files import publish, staged_folder
from pigeonhole.core.locks import exclusive
from pigeonhole.core.workspace import Workspace
from presets import PART_IMAGES, write_idx

FOLDER = Path(".benchmarks/automl")
FULL, SMALL, PART, COLOUR, TINY = "mnist", "mnist-5k", "mnist-42k", "cifar10-6k", "tiny"
TINY_EACH = 6


def ingested(dataset: str, workspace: Path) -> Path:
    """A workspace with one dataset in it, through the command line; as fast as not, if it is there."""
    sources = {FULL: [FULL], SMALL: [SMALL]}
    arguments = sources.get(dataset) or made(dataset)
    pigeonhole("ingest", *arguments, "--name", dataset, "--workspace", str(workspace))
    return workspace


def made(dataset: str) -> list[str]:
    """A source that has to be written first, and how it is split; written once."""
    write, arguments = {
        PART: (first_images, ["--test", "0", "--validation", "0.1"]),
        COLOUR: (unpacked, []),
        TINY: (sixty_images, []),
    }[dataset]
    folder = FOLDER / "sources" / dataset
    with exclusive(FOLDER / "locks" / dataset, dataset, wait=True):
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with staged_folder(folder.parent) as staged:
                write(staged)
                publish(staged, folder)
    packed = folder / dataset
    return [str(packed if packed.is_dir() else folder), *arguments]


def first_images(folder: Path) -> None:
    """MNIST's first 42,000 training images in the order of the original file, as an IDX pair."""
    images_NHWC, labels_N = mnist("train")
    write_idx(folder / "images-idx3-ubyte", images_NHWC[:PART_IMAGES, ..., 0])
    write_idx(folder / "labels-idx1-ubyte", labels_N[:PART_IMAGES].astype(np.uint8))


def unpacked(folder: Path) -> None:
    """The colour photographs, a folder a class below a folder a split."""
    for root in os.environ.get("PIGEONHOLE_DATA", "").split(os.pathsep):
        path = Path(root) / f"{COLOUR}.zip"
        if root and path.is_file():
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            return
    raise SystemExit(f"PIGEONHOLE_DATA names no folder with {COLOUR}.zip (a folder a class below train and test)")


def sixty_images(folder: Path) -> None:
    """Sixty handwritten digits, six a class, as an IDX pair; the package's own data holds them."""
    part = data.open_dataset(Workspace(ingested(SMALL, FOLDER / "shared")), SMALL).train
    rows = np.concatenate([np.flatnonzero(part.labels_N == label)[:TINY_EACH] for label in range(10)])
    write_idx(folder / "images-idx3-ubyte", part.images_NHWC[np.sort(rows), ..., 0])
    write_idx(folder / "labels-idx1-ubyte", part.labels_N[np.sort(rows)].astype(np.uint8))


def for_peers(dataset: str) -> Path:
    """A folder with train.npz (training and validation images together) and test.npz, which is opened once, scored."""
    folder = FOLDER / "peers" / dataset
    if not folder.is_dir():
        opened = data.open_dataset(Workspace(ingested(dataset, FOLDER / "shared")), dataset)
        parts = [opened.train, opened.validation]
        test = opened.test("benchmarks/automl.py", "the peers are scored on it, once a run")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with staged_folder(folder.parent) as staged:
            images_NHWC = np.concatenate([part.images_NHWC for part in parts])
            labels_N = np.concatenate([part.labels_N for part in parts])
            np.savez(staged / "train.npz", images=images_NHWC, labels=labels_N)
            np.savez(staged / "test.npz", images=test.images_NHWC, labels=test.labels_N)
            publish(staged, folder)
    return folder
