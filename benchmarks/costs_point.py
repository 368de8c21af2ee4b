"""Trainings one after the other in one process: processor seconds, as a line of JSON each.

    OMP_NUM_THREADS=1 python benchmarks/costs_point.py '{"arrays": "FOLDER", "points": [{"model": "knn", "images": 1000,
        "settings": {}}], "whole": false}'

With `whole` there is one point, and what its process costs besides is told too: what the first fit imports (`first_s`),
how much memory was resident at most, and what a first and a second export take.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole import models

FEW = 40
PREDICTED = 1000


def main() -> None:
    asked = json.loads(sys.argv[1])
    arrays = Path(asked["arrays"])
    images_NHWC, labels_N = np.load(arrays / "images.npy", mmap_mode="r"), np.load(arrays / "labels.npy")
    known: set[str] = set()
    for point in asked["points"]:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(point, images_NHWC, labels_N, Path(folder), known, whole=asked["whole"])
        print(json.dumps({**point, **figures}), flush=True)


def measure(
    point: dict[str, Any], images_NHWC: Any, labels_N: Any, folder: Path, known: set[str], *, whole: bool
) -> dict[str, Any]:
    figures: dict[str, Any] = {"predicted": PREDICTED}
    if point["model"] not in known:  # what it imports, and whatever else happens once
        known.add(point["model"])
        figures["first_s"], _ = fitted(tiny(point), images_NHWC[:FEW], labels_N[:FEW], folder / "first")
    n = point["images"]
    spec = models.resolve(point["model"], point["settings"])
    figures["fit_s"], trained = fitted(spec, images_NHWC[:n], labels_N[:n], folder / "fit")
    figures["fitted_bytes"] = memory_bytes()
    others_NHWC, others_N = np.ascontiguousarray(images_NHWC[-PREDICTED:]), labels_N[-PREDICTED:]
    figures["predict_s"], probs_NK = timed(lambda: trained.probabilities(others_NHWC))
    if not whole:
        return figures
    exports = [exported(trained, others_NHWC, others_N, probs_NK, folder / name) for name in ("first-b", "second-b")]
    return {**figures, "export_s": exports[0], "second_export_s": exports[1], "bytes": memory_bytes()}


def tiny(point: dict[str, Any]) -> models.ModelSpec:
    """Settings with which a few images make one step or little more."""
    known = models.presets.get(point["model"]).defaults
    least = {"epochs": 1, "min_steps": 1, "n_estimators": 2}
    return models.resolve(point["model"], {key: value for key, value in least.items() if key in known})


def fitted(spec: models.ModelSpec, images_NHWC: Any, labels_N: Any, folder: Path) -> tuple[float, models.Trained]:
    """Without validation images: what validating costs is known from predicting."""
    data = models.TrainingData(images_NHWC, labels_N, None, None, tuple("0123456789"))
    return timed(lambda: models.fit(spec, data, seed=0, folder=folder))


def exported(trained: models.Trained, images_NHWC: Any, labels_N: Any, probs_NK: Any, folder: Path) -> float:
    start = time.process_time()
    from pigeonhole import export

    export.to_bundle(
        trained,
        folder=folder,
        images_NHWC=images_NHWC,
        labels_N=labels_N,
        expected_probs_NK=probs_NK,
        training_images_NHWC=images_NHWC,
        calibration={"temperature": 1.0},
        lineage={},
    )
    return time.process_time() - start


def timed(work: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def memory_bytes() -> int:
    """The most that was resident so far; what `getrusage` gives begins with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


if __name__ == "__main__":
    main()
