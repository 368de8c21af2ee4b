"""MNIST's training images for scripts that choose a preset: split by writer, so that validation flatters no one.

The writers of the test images wrote no training image, so a random split, in which a writer stands on both sides,
promises more than the test split keeps. The test split itself is never opened here.
"""

from __future__ import annotations

import os
from pathlib import Path

import pigeonhole as ph
from pigeonhole import data, models
from pigeonhole.core.workspace import Workspace

NAME = "mnist-by-writer"


def training_data(folder: Path) -> models.TrainingData:
    """54,000 or so training images and 6,000 validation images; no writer is on both sides."""
    workspace = Workspace(folder / "workspace")
    ph.ingest("mnist", name=NAME, groups=writers(), group_by="writer", workspace=workspace)
    dataset = data.open_dataset(workspace, NAME)
    train, validation = dataset.train, dataset.validation
    return models.TrainingData(
        train.images_NHWC, train.labels_N, validation.images_NHWC, validation.labels_N, dataset.class_names
    )


def writers() -> Path:
    """Who wrote each training image: `mnist/train-writers.csv` below one of the folders of PIGEONHOLE_DATA."""
    for folder in os.environ.get("PIGEONHOLE_DATA", "").split(os.pathsep):
        path = Path(folder) / "mnist" / "train-writers.csv"
        if folder and path.is_file():
            return path
    raise SystemExit("PIGEONHOLE_DATA names no folder with mnist/train-writers.csv (from QMNIST: index,writer,…)")
