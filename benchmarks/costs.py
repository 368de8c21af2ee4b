"""What `models.costs` says a training costs beside what it costs, in processor seconds of one thread and bytes.

    PIGEONHOLE_DATA=FOLDER python benchmarks/costs.py [--only TEXT] [--most 20000]

Every point is a process of its own (`costs_point.py`) and is kept in .benchmarks/costs, so that a killed script goes
on where it was. Processor time, not the clock's: other work beside it makes a point slower by what caches are shared,
not by waiting. The test split is not opened.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import pigeonhole as ph
from measuring import kept, last_line
from pigeonhole import data, models
from pigeonhole.core.files import read_json
from pigeonhole.core.workspace import Workspace
from pigeonhole.models import costs

FOLDER = Path(".benchmarks/costs")
HERE = Path(__file__).parent
SIZES = (1000, 5000, 20_000)
Point = dict[str, Any]
# Other settings than the preset's, where they change the cost; each at 5,000 images of MNIST.
OTHERS: dict[str, list[dict[str, Any]]] = {
    "logistic-regression": [{"C": 10.0}, {"max_iter": 100}],
    "svm-rbf": [{"C": 1.0}, {"pca_components": 0}, {"gamma": 4.0}],
    "knn": [{"pca_components": 100}, {"n_neighbors": 20}],
    "random-forest": [{"n_estimators": 50}, {"max_features": 0.3}],
    "extra-trees": [{"n_estimators": 400}, {"max_features": 0.3}],
    "lightgbm": [{"n_estimators": 50}, {"num_leaves": 127}, {"colsample_bytree": 1.0}],
    "xgboost": [{"n_estimators": 50}, {"max_depth": 3}, {"colsample_bytree": 1.0}],
}
# A network's time is a sum over steps: a few of them tell it.
STEPS: dict[str, Any] = {"epochs": 1, "min_steps": 1}
EXPORTED = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="points whose name has this regular expression")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="most images of a point that is measured now")
    options = parser.parse_args()
    chosen = [point for point in points() if re.search(options.only, name_of(point))]
    for point in chosen:
        if point["images"] <= options.most:
            measured(point)
    report([read_json(path) for point in chosen if (path := place_of(point)).is_file()])


def report(found: list[Point]) -> None:
    """A table of all that is measured so far, and how many estimates are near."""
    print(
        "\n| point | fit, s | estimate | predict 1,000, s | estimate | memory, MiB | estimate | export, s | estimate |"
    )
    print("|---|" + "---|" * 8)
    ratios: dict[str, list[float]] = {}
    for point in found:
        pairs = beside(point)
        cells = [f"{figure:.3g} | {guess / figure:.2f}×" if figure else " | " for figure, guess in pairs.values()]
        print(f"| `{name_of(point)}` | {' | '.join(cells)} |")
        for key, (figure, guess) in pairs.items():
            if figure:
                ratios.setdefault(key, []).append(guess / figure)
    for key, all_of in ratios.items():
        near = [np.mean([1 / factor <= ratio <= factor for ratio in all_of]) for factor in (1.5, 2, 3)]
        print(
            f"{key}: {len(all_of)} points, {near[0]:.0%} within a factor of 1.5, {near[1]:.0%} of 2,"
            f" {near[2]:.0%} of 3; from {min(all_of):.2f}× to {max(all_of):.2f}×, median {np.median(all_of):.2f}×"
        )


def beside(point: Point) -> dict[str, tuple[float | None, float]]:
    """What was measured of a point, and what is estimated."""
    shape_HWC = (28, 28, 1) if point["source"] == "mnist" else (32, 32, 3)
    spec = models.resolve(point["model"], point["settings"])
    about = {"images": point["images"], "shape_HWC": shape_HWC, "classes": 10}
    # Points are fitted without validation images.
    fit = costs.estimate(spec, **about, predicted=0)
    whole = costs.estimate(spec, **about, predicted=point["predicted"])
    # The memory that is promised has room for exporting.
    peak = point["exported_bytes"] if point["export"] else None
    return {
        "fit": (point["fit_s"], fit.fit_s),
        "predict": (point["predict_s"], whole.predict_s),
        "memory": (peak and peak / 2**20, whole.memory_bytes / 2**20),
        "export": (point["export_s"][0] if point["export"] else None, whole.export_s),
    }


def points() -> Iterator[Point]:
    """What is measured, small ones first."""
    for images in SIZES:
        for source in ("mnist", "cifar"):
            if source == "cifar" and images > 5000:
                continue
            for model in models.presets.names():
                yield from _points_of(model, source, images)


def _points_of(model: str, source: str, images: int) -> Iterator[Point]:
    network = models.resolve(model).kind == "network"
    settings = network_settings(model) if network else {}
    if network and images > SIZES[1]:
        return
    yield {
        "model": model,
        "settings": settings,
        "images": images,
        "source": source,
        "export": images == EXPORTED and source == "mnist",
    }
    if source == "mnist" and images == SIZES[1]:
        for other in OTHERS.get(model, []):
            yield {"model": model, "settings": other, "images": images, "source": source, "export": False}


def network_settings(model: str) -> dict[str, Any]:
    """One epoch, each image once."""
    known = models.presets.get(model).defaults
    return {key: value for key, value in STEPS.items() if key in known}


def name_of(point: Point) -> str:
    settings = ",".join(f"{key}={value}" for key, value in point["settings"].items())
    return f"{point['model']}-{point['source']}-{point['images']}{'-' if settings else ''}{settings}"


def place_of(point: Point) -> Path:
    return FOLDER / "points" / f"{name_of(point)}.json"


def measured(point: Point) -> Point:
    """Its figures, from an earlier day or from now."""

    def measure() -> Point:
        asked = {**point, "arrays": str(arrays(point["source"]))}
        environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        return {**point, **last_line([sys.executable, str(HERE / "costs_point.py"), json.dumps(asked)], environment)}

    print(name_of(point), flush=True)
    return kept(place_of(point), measure)


def arrays(source: str) -> Path:
    """A folder with `images.npy` and `labels.npy`: training images of a dataset, in random order."""
    folder = FOLDER / "arrays" / source
    if not (folder / "labels.npy").is_file():
        workspace = Workspace(FOLDER / "workspace")
        ph.ingest("mnist" if source == "mnist" else _photographs(), name=source, workspace=workspace)
        part = data.open_dataset(workspace, source).train
        rows = np.random.default_rng(0).permutation(len(part.labels_N))
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "images.npy", np.asarray(part.images_NHWC)[rows])
        np.save(folder / "labels.npy", np.asarray(part.labels_N)[rows])
    return folder


def _photographs() -> str:
    """The folder of images that is packed in `cifar10-6k.zip`."""
    for folder in os.environ.get("PIGEONHOLE_DATA", "").split(os.pathsep):
        path = Path(folder) / "cifar10-6k.zip"
        if folder and path.is_file():
            with zipfile.ZipFile(path) as archive:
                archive.extractall(FOLDER / "photographs")
            return str(FOLDER / "photographs" / "cifar10-6k")
    raise SystemExit("PIGEONHOLE_DATA names no folder with cifar10-6k.zip")


if __name__ == "__main__":
    main()
