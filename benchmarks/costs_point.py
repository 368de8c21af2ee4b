"""One training in a process of its own: processor seconds and memory, as JSON in the last line.

    OMP_NUM_THREADS=1 python benchmarks/costs_point.py '{"model": "knn", "settings": {}, "images": 1000, "arrays": …}'

`first_s` is what the first fit of a process costs besides: imports, and a fit of 40 images. With `"export": true` the
model is exported and verified twice; the first time imports what exporting needs.
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
    point = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(point, Path(folder))))


def measure(point: dict[str, Any], folder: Path) -> dict[str, Any]:
    arrays = Path(point["arrays"])
    images_NHWC, labels_N = np.load(arrays / "images.npy", mmap_mode="r"), np.load(arrays / "labels.npy")
    spec = models.resolve(point["model"], point["settings"])
    idle = memory_bytes()
    first_s, _ = fitted(models.resolve(point["model"], tiny(point)), images_NHWC[:FEW], labels_N[:FEW], folder / "0")
    started = memory_bytes()
    n = point["images"]
    fit_s, trained = fitted(spec, images_NHWC[:n], labels_N[:n], folder / "1")
    peak = memory_bytes()
    others_NHWC = images_NHWC[-PREDICTED:]
    trained.probabilities(others_NHWC[:FEW])
    predict_s, probs_NK = timed(lambda: trained.probabilities(others_NHWC))
    figures = {"first_s": first_s, "fit_s": fit_s, "predict_s": predict_s, "predicted": PREDICTED}
    figures |= {"idle_bytes": idle, "started_bytes": started, "peak_bytes": peak, "n_parameters": trained.n_parameters}
    if not point.get("export"):
        return figures
    figures["export_s"] = [
        exported(trained, others_NHWC, labels_N[-PREDICTED:], probs_NK, folder / f"bundle{i}") for i in range(2)
    ]
    return {**figures, "exported_bytes": memory_bytes()}


def tiny(point: dict[str, Any]) -> dict[str, Any]:
    """Settings with which a few images make one step."""
    if models.resolve(point["model"]).kind == "estimator":
        return dict(point["settings"])
    return {**point["settings"], "epochs": 1, "min_steps": 1}


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
        images_NHWC=np.ascontiguousarray(images_NHWC),
        labels_N=labels_N,
        expected_probs_NK=probs_NK,
        training_images_NHWC=np.ascontiguousarray(images_NHWC),
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
