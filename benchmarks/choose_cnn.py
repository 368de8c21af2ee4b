"""How the preset `cnn` was chosen: one thing changed at a time, judged on validation images of writers not trained on.

    PIGEONHOLE_DATA=FOLDER python benchmarks/choose_cnn.py [--seeds 2] [--only NAME …]

Prints validation errors of the last epoch (mean over seeds) and images/s beside the preset as it is. The test split is
never opened. Results are kept in `.benchmarks/choose_cnn/`, one file a candidate and seed, so that it can be
stopped and gone on with; the speeds of rows measured on different days are not to be compared.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pigeonhole import models
from pigeonhole.models.presets.catalogue import FOLDER as PRESETS
from validation_images import training_data

FOLDER = Path(".benchmarks/choose_cnn")
Change = Callable[[list[Any]], list[Any]]


def settings(**values: Any) -> Mapping[str, Any]:
    return values


def normalized_before_pooling(layers: list[Any]) -> list[Any]:
    """As most write it: convolution, normalisation, activation, pooling."""
    result: list[Any] = []
    for layer in layers:
        result.append(layer)
        if layer == {"activation": "relu"} and result[-3] == "max_pooling2d":
            result.append(result.pop(-3))
    return result


def flat_end(layers: list[Any]) -> list[Any]:
    return ["flatten" if layer == "global_max_pooling2d" else layer for layer in layers]


def mean_end(layers: list[Any]) -> list[Any]:
    return ["global_average_pooling2d" if layer == "global_max_pooling2d" else layer for layer in layers]


def strided_stem(layers: list[Any]) -> list[Any]:
    """The first convolution steps over every other pixel, instead of a pooling after it."""
    changed = copy.deepcopy(layers)
    stem = next(layer["conv2d"] for layer in changed if "conv2d" in layer)
    stem["strides"] = 2
    changed.remove("max_pooling2d")
    return changed


def filters(*sizes: int) -> Change:
    def change(layers: list[Any]) -> list[Any]:
        changed, left = copy.deepcopy(layers), list(sizes)
        for layer in changed:
            if "conv2d" in layer:
                layer["conv2d"]["filters"] = left.pop(0)
        return changed

    return change


CANDIDATES: Mapping[str, Change | Mapping[str, Any]] = {
    "cnn": settings(),
    "learning rate 0.1": settings(learning_rate=0.1),
    "learning rate 0.3": settings(learning_rate=0.3),
    "batch 128, rate 0.14": settings(batch_size=128, learning_rate=0.14),
    "batch 512, rate 0.28": settings(batch_size=512, learning_rate=0.28),
    "5 epochs": settings(epochs=5),
    "7 epochs": settings(epochs=7),
    "no augmentation": settings(augment="none"),
    "with shear": settings(
        training={"augment": {"rotate_degrees": 10, "scale": 0.1, "shift": 0.08, "shear_degrees": 8}}
    ),
    "no label smoothing": settings(label_smoothing=0.0),
    "no averaging": settings(ema_decay=0.0),
    "decay 0.001": settings(weight_decay=1e-3),
    "normalisation before pooling": normalized_before_pooling,
    "flat end": flat_end,
    "mean end": mean_end,
    "strided stem": strided_stem,
    "filters 24 48 64 96": filters(24, 48, 64, 96),
    "filters 32 64 96 192": filters(32, 64, 96, 192),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES))
    options = parser.parse_args()
    data = training_data(FOLDER)
    print(f"{len(data.train_labels_N):,} training images, {len(data.validation_labels_N):,} of other writers")
    print(f"{'candidate':<30} {'errors %':>9} {'loss':>9} {'parameters':>11} {'speed':>7}  seeds")
    base: list[dict[str, Any]] = []
    for name in options.only:
        rows = [measured(name, seed, data) for seed in range(options.seeds)]
        base = base or rows
        print(line(name, rows, base), flush=True)


def line(name: str, rows: list[dict[str, Any]], base: list[dict[str, Any]]) -> str:
    errors = 100 * (1 - statistics.mean(row["validation_accuracy"] for row in rows))
    loss = statistics.mean(row["validation_loss"] for row in rows)
    speed = statistics.median(r["images_per_s"] for r in rows) / statistics.median(r["images_per_s"] for r in base)
    return f"{name:<30} {errors:>9.3f} {loss:>9.4f} {rows[0]['parameters']:>11,} {speed:>6.2f}x  {len(rows)}"


def measured(name: str, seed: int, data: models.TrainingData) -> dict[str, Any]:
    """One training's last epoch, measured now or on an earlier day."""
    path = FOLDER / f"{name.replace(' ', '-').replace(',', '')}-{seed}.json"
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text())
        return kept
    with tempfile.TemporaryDirectory() as folder:
        trained = models.fit(resolved(name, Path(folder)), data, seed=seed, folder=Path(folder) / "model")
    last = trained.history[-1]
    figures = {
        "validation_accuracy": last["validation_accuracy"],
        "validation_loss": last["validation_loss"],
        "images_per_s": trained.facts["images_per_s"],
        "parameters": trained.n_parameters,
    }
    path.write_text(json.dumps(figures, indent=2))
    return figures


def resolved(name: str, folder: Path) -> models.ModelSpec:
    change = CANDIDATES[name]
    spec = yaml.safe_load((PRESETS / "cnn.yml").read_text())
    values: dict[str, Any] = {}
    if callable(change):
        spec["layers"] = change(spec["layers"])
    else:
        values = dict(change)
        spec["training"].update(values.pop("training", {}))
    path = folder / "candidate.yml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return models.resolve(str(path), values)


if __name__ == "__main__":
    main()
