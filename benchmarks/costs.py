"""What `models.costs` says a training costs beside what it costs: processor seconds of one thread, and bytes.

    PIGEONHOLE_DATA=FOLDER python benchmarks/costs.py [--only REGULAR_EXPRESSION] [--report]

Every point is kept in .benchmarks/costs as soon as it is measured, so a killed script goes on where it was. It is
processor time, not the clock's: work beside it makes a point slower by the caches that are shared, not by waiting.
Forests, boosting and networks are measured on few trees and one epoch; their time is a sum over those. The test split
is not opened.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pigeonhole as ph
from pigeonhole import data, models
from pigeonhole.core.files import read_json, write_json
from pigeonhole.core.workspace import Workspace
from pigeonhole.models import costs

FOLDER = Path(".benchmarks/costs")
HERE = Path(__file__).parent
SHAPES = {"mnist": (28, 28, 1), "cifar": (32, 32, 3)}
ONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Every preset whole, in a process of its own: memory, export and all trees.
WHOLE_IMAGES = 1000
Point = dict[str, Any]
EPOCH: Point = {"epochs": 1, "min_steps": 1}
# Images of MNIST, images of the photographs, settings that keep a point short, and others that change the cost.
SPEEDS: dict[str, tuple[Sequence[int], Sequence[int], Point, Sequence[Point]]] = {
    "logistic-regression": ((3000, 10_000), (1000,), {}, [{"C": 10.0}, {"max_iter": 20}]),
    "svm-rbf": ((1000, 3000, 10_000, 20_000), (2000,), {}, [{"pca_components": 100}, {"pca_components": 0}]),
    "knn": ((1000, 4000, 20_000), (3000,), {}, [{"pca_components": 100}, {"n_neighbors": 20}]),
    "random-forest": ((1000, 4000, 20_000), (2000,), {"n_estimators": 5}, [{"max_features": 0.3}]),
    "extra-trees": ((4000, 20_000), (2000,), {"n_estimators": 5}, [{"max_features": 0.3}]),
    "xgboost": ((1000, 4000, 20_000), (1000,), {"n_estimators": 5}, [{"max_depth": 3}, {"colsample_bytree": 1.0}]),
    "lightgbm": ((4000, 20_000), (2000,), {"n_estimators": 5}, [{"num_leaves": 127}, {"colsample_bytree": 1.0}]),
    "linear-svm": ((1000, 3000), (500,), {}, []),
    "sgd": ((1000, 4000), (1000,), {}, []),
    "mlp": ((1000, 3000), (1000,), {}, []),
    "gaussian-naive-bayes": ((3000,), (1000,), {}, [{"scaler": each} for each in ("standard", "robust", "pca")]),
    "multinomial-naive-bayes": ((3000,), (1000,), {}, []),
    "bernoulli-naive-bayes": ((3000,), (1000,), {}, []),
    "decision-tree": ((1000, 4000), (1000,), {}, []),
    **{network: ((512,), (512,), EPOCH, []) for network in ("cnn-best", "cnn-deep", "cnn-3")},
    **{network: ((640,), (), EPOCH, []) for network in ("cnn-2", "cnn-hidden")},
    **{network: ((1024,), (1024,), EPOCH, []) for network in ("cnn-fast", "cnn-tiny")},
    "cnn": ((512,), (512,), EPOCH, [{"batch_size": 32}, {"augment": "none"}, {"epochs": 2}]),
    "cnn-1": ((640,), (), EPOCH, [{"augment": "none"}, {"augment": "elastic"}]),
    "mlp-128": ((1280,), (1280,), {"epochs": 1}, []),
    "mlp-256-128": ((1280,), (1280,), {"epochs": 1}, []),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="points whose name has this regular expression")
    parser.add_argument("--report", action="store_true", help="measures nothing, tells what is kept")
    options = parser.parse_args()
    if not options.report:
        chosen = [point for point in points() if re.search(options.only, name_of(point))]
        for source in SHAPES:
            measure([point for point in chosen if point["source"] == source and not place_of(point).is_file()])
    report([read_json(path) for path in sorted((FOLDER / "points").glob("*.json"))])


def points() -> Iterator[Point]:
    """What is measured, few images first."""
    found = [point for model in models.presets.names() for point in points_of(model)]
    yield from sorted(found, key=lambda point: point["images"])


def points_of(model: str) -> Iterator[Point]:
    yield {"model": model, "source": "mnist", "images": WHOLE_IMAGES, "settings": one_epoch(model), "whole": True}
    if model not in SPEEDS:
        raise SystemExit(f"{model} has no entry in SPEEDS: say on how many images it is to be measured")
    of_mnist, of_cifar, settings, others = SPEEDS[model]
    for source, sizes in (("mnist", of_mnist), ("cifar", of_cifar)):
        for images in sizes:
            yield {"model": model, "source": source, "images": images, "settings": settings, "whole": False}
    for other in others:
        yield {
            "model": model,
            "source": "mnist",
            "images": of_mnist[0],
            "settings": {**settings, **other},
            "whole": False,
        }


def one_epoch(model: str) -> Point:
    known = models.presets.get(model).defaults
    return {key: 1 for key in ("epochs", "min_steps") if key in known}


def name_of(point: Point) -> str:
    settings = "".join(f" {key}={value}" for key, value in point["settings"].items())
    return f"{point['model']} {point['source']} {point['images']}{settings}{' whole' if point['whole'] else ''}"


def place_of(point: Point) -> Path:
    return FOLDER / "points" / f"{name_of(point)}.json"


def measure(asked: Sequence[Point]) -> None:
    """Points of one source: those that are whole in a process each, the others in one."""
    speeds = [point for point in asked if not point["whole"]]
    for group in [*([speeds] if speeds else []), *([point] for point in asked if point["whole"])]:
        request = {"arrays": str(arrays(group[0]["source"])), "points": group, "whole": group[0]["whole"]}
        command = [sys.executable, str(HERE / "costs_point.py"), json.dumps(request)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **ONE}) as process:
            for line in process.stdout or ():
                point = json.loads(line)
                place_of(point).parent.mkdir(parents=True, exist_ok=True)
                write_json(place_of(point), point)
                print(name_of(point), file=sys.stderr, flush=True)


def report(found: list[Point]) -> None:
    """A table of all that is measured so far, and how many estimates are near."""
    print("| point | fit, s | estimate | predict 1,000, s | estimate | memory, MiB | estimate | export, s | estimate |")
    print("|---|" + "---|" * 8)
    ratios: dict[str, list[float]] = {}
    for point in found:
        pairs = beside(point)
        cells = [f"{figure:.3g} | {guess / figure:.2f}×" if figure else " | " for figure, guess in pairs.values()]
        print(f"| {name_of(point)} | {' | '.join(cells)} |")
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
    spec = models.resolve(point["model"], point["settings"])
    about = {"images": point["images"], "shape_HWC": SHAPES[point["source"]], "classes": 10}
    # Points are fitted without validation images.
    fit = costs.estimate(spec, **about, predicted=0)
    whole = costs.estimate(spec, **about, predicted=point["predicted"])
    peak = point.get("bytes")
    return {
        "fit": (point["fit_s"], fit.fit_s),
        "predict": (point["predict_s"], whole.predict_s),
        "memory": (peak and peak / 2**20, whole.memory_bytes / 2**20),
        "export": (point.get("export_s"), whole.export_s),
    }


def arrays(source: str) -> Path:
    """A folder with `images.npy` and `labels.npy`: training images of a dataset, in random order."""
    folder = FOLDER / "arrays" / source
    if not (folder / "labels.npy").is_file():
        workspace = Workspace(FOLDER / "workspace")
        ph.ingest("mnist" if source == "mnist" else photographs(), name=source, workspace=workspace)
        part = data.open_dataset(workspace, source).train
        rows = np.random.default_rng(0).permutation(len(part.labels_N))
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "images.npy", np.asarray(part.images_NHWC)[rows])
        np.save(folder / "labels.npy", np.asarray(part.labels_N)[rows])
    return folder


def photographs() -> str:
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
