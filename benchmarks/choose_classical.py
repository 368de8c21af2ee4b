"""How the classical presets' parameters were chosen: each candidate judged on validation images, once.

    PIGEONHOLE_DATA=FOLDER python benchmarks/choose_classical.py [--only svm-rbf knn …]
    PIGEONHOLE_DATA=FOLDER python benchmarks/choose_classical.py --by-writer --only svm-rbf-virtual

The data are the first 42,000 MNIST training images, 10% of them for validation, as `ingest` splits them; or, by
writer, all 60,000, a tenth of the writers for validation. The test split is never opened. A candidate is a preset
with the settings named. Its figures are kept in `.benchmarks/choose_classical/`, so that the script can be stopped
and gone on with.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pigeonhole as ph
import validation_images
from pigeonhole import data, models
from pigeonhole.core.workspace import Workspace

FOLDER = Path(".benchmarks/choose_classical")
IMAGES = 42_000
_HEADERS = {"train-images-idx3-ubyte": (16, 28 * 28), "train-labels-idx1-ubyte": (8, 1)}

CANDIDATES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "logistic-regression": ({}, {"C": 0.03}, {"C": 0.3}),
    "svm-rbf": (
        {},
        {"gamma": 0.7},
        {"gamma": 1.4},
        {"C": 5.0},
        {"C": 20.0},
        {"pca_components": 40},
        {"pca_components": 70},
        {"steepness": 4.0},
        {"steepness": 16.0},
        {"temperature": 1.0},
        {"temperature": 3.0},
    ),
    "svm-rbf-virtual": (
        {},
        {"virtual_shifts": 4},
        {"virtual_shifts": 4, "gamma": 1.5},
        {"virtual_shifts": 4, "gamma": 1.5, "pca_components": 70},
        {"virtual_shifts": 8, "gamma": 1.5, "pca_components": 70},
    ),
    "random-forest": (
        {},
        {"n_estimators": 100, "max_features": 0.05},
        {"min_samples_leaf": 1},
        {"max_features": 0.14},
    ),
    "extra-trees": (
        {},
        {"n_estimators": 200},
        {"min_samples_leaf": 3, "max_features": 0.14},
        {"min_samples_leaf": 1},
        {"max_features": 0.036},
    ),
    "xgboost": (
        {},
        {"n_estimators": 200},
        {"n_estimators": 400, "min_child_weight": 1.0},
        {"learning_rate": 0.3, "subsample": 0.7, "colsample_bytree": 0.15, "min_child_weight": 1.0, "max_bin": 32},
        {"n_estimators": 300, "subsample": 0.7, "colsample_bytree": 0.3, "min_child_weight": 1.0, "max_bin": 32},
        {"max_depth": 8, "subsample": 0.7, "colsample_bytree": 0.12, "min_child_weight": 0.1, "max_bin": 32},
        {"max_depth": 5},
    ),
    "lightgbm": (
        {},
        {"num_leaves": 15},
        {"num_leaves": 63},
        {"learning_rate": 0.25},
        {"n_estimators": 250},
        {"subsample": 0.5},
        {"colsample_bytree": 0.15},
        {"max_bin": 31},
    ),
    "knn": (
        {},
        {"n_neighbors": 3},
        {"n_neighbors": 8},
        {"weights": "uniform"},
        {"pca_components": 30},
        {"pca_components": 40},
        {"pca_components": 80},
    ),
    "linear-svm": ({}, {"C": 0.003}, {"C": 0.03}, {"temperature": 0.2}, {"temperature": 0.6}, {"scaler": "pca"}),
    "sgd": ({}, {"alpha": 3e-4}, {"alpha": 1e-5}, {"eta0": 3e-3}, {"eta0": 0.03}, {"scaler": "pca"}),
    "gaussian-naive-bayes": (
        {},
        {"temperature": 10.0},
        {"temperature": 100.0},
        {"var_smoothing": 0.03},
        {"var_smoothing": 0.3},
        {"scaler": "pca"},
    ),
    "multinomial-naive-bayes": ({}, {"temperature": 3.0}, {"temperature": 30.0}, {"alpha": 0.1}),
    "bernoulli-naive-bayes": ({}, {"temperature": 5.0}, {"temperature": 20.0}, {"binarize": 0.2}),
    "decision-tree": ({}, {"criterion": "gini"}, {"min_samples_leaf": 2}, {"min_samples_leaf": 10}),
    "mlp": ({}, {"max_iter": 40}, {"hidden": 256}, {"learning_rate_init": 2e-3}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES))
    parser.add_argument("--by-writer", action="store_true", help="no writer of a validation image is trained on")
    options = parser.parse_args()
    folder = FOLDER / "by-writer" if options.by_writer else FOLDER
    images = validation_images.training_data(folder) if options.by_writer else training_data()
    print(f"{len(images.train_labels_N):,} training images, {len(images.validation[1]):,} for validation")
    print(f"{'candidate':<64} {'accuracy':>9} {'log loss':>9} {'seconds':>8} {'of cores':>9} {'parameters':>11}")
    for key in options.only:
        for settings in CANDIDATES[key]:
            print(line(key, settings, measured(key, settings, images, folder)), flush=True)


def line(key: str, settings: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    changed = ", ".join(f"{name} {value}" for name, value in settings.items()) or "as it is"
    return (
        f"{f'{key}: {changed}':<64} {figures['validation_accuracy']:>9.2%} {figures['validation_loss']:>9.4f}"
        f" {figures['seconds']:>8.1f} {figures['core_seconds']:>9.1f} {figures['parameters']:>11,}"
    )


def measured(key: str, settings: Mapping[str, Any], images: models.TrainingData, folder: Path) -> dict[str, Any]:
    """One candidate's figures, measured now or on an earlier day; every setting is part of the file's name."""
    spec = models.resolve(key.removesuffix("-virtual"), settings)
    name = "-".join(f"{value}" for value in spec.parameters.values())
    path = folder / f"{key}-{name}.json"
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text())
        return kept
    before = time.process_time()
    trained = models.fit(spec, images, seed=0, folder=folder)
    record = trained.history[0]
    figures = {
        "validation_accuracy": record["validation_accuracy"],
        "validation_loss": record["validation_loss"],
        "seconds": len(images.train_labels_N) / record["images_per_s"],
        "core_seconds": time.process_time() - before,
        "parameters": trained.n_parameters,
    }
    path.write_text(json.dumps(figures, indent=2))
    return figures


def training_data() -> models.TrainingData:
    """37,800 training and 4,200 validation images."""
    workspace = Workspace(FOLDER / "workspace")
    ph.ingest(first_images(), name="mnist-42000", test=0, workspace=workspace)
    dataset = data.open_dataset(workspace, "mnist-42000")
    train, validation = dataset.train, dataset.validation
    return models.TrainingData(
        train.images_NHWC, train.labels_N, validation.images_NHWC, validation.labels_N, dataset.class_names
    )


def first_images() -> Path:
    """An IDX pair of the first 42,000 training images."""
    folder = FOLDER / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (header, size) in _HEADERS.items():
        with gzip.open(mnist_folder() / f"{name}.gz") as file:
            content = bytearray(file.read(header + IMAGES * size))
        content[4:8] = np.array(IMAGES, ">u4").tobytes()
        (folder / name).write_bytes(content)
    return folder / "train-images-idx3-ubyte"


def mnist_folder() -> Path:
    """The folder `mnist` below one of the folders of PIGEONHOLE_DATA."""
    for folder in os.environ.get("PIGEONHOLE_DATA", "").split(os.pathsep):
        if folder and (Path(folder) / "mnist" / "train-images-idx3-ubyte.gz").is_file():
            return Path(folder) / "mnist"
    raise SystemExit("PIGEONHOLE_DATA names no folder with mnist/train-images-idx3-ubyte.gz")


if __name__ == "__main__":
    main()
