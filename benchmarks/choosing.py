"""What the scripts choose_*.py share: candidates for a preset, judged on validation images of writers not trained on.

A candidate is the preset with other settings, or with its layers changed. Printed are validation errors of the last
epoch (mean over seeds), its loss, and the speed beside the first row. The test split is never opened. Results are
kept in `.benchmarks/choose_PRESET/`, one file a candidate and seed, so that it can be stopped and gone on with; the
speeds of rows measured on different days are not to be compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pigeonhole import models
from pigeonhole.core.locks import exclusive
from pigeonhole.models.presets.catalogue import FOLDER as PRESETS
from validation_images import training_data

Change = Callable[[list[Any]], list[Any]]
Candidates = Mapping[str, Change | Mapping[str, Any]]


def settings(**values: Any) -> Mapping[str, Any]:
    """A candidate with other settings: the preset's parameters by name; `training` for what lies below it; `layers` for
    what changes its layers.
    """
    return values


def main(preset: str, candidates: Candidates, description: str | None) -> None:
    """Measures the candidates that the command line names, or all."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=list(candidates), default=list(candidates))
    options = parser.parse_args()
    folder = Path(f".benchmarks/choose_{preset}")
    data = training_data(folder)
    print(f"{len(data.train_labels_N):,} training images, {len(data.validation_labels_N):,} of other writers")
    print(f"{'candidate':<40} {'errors %':>9} {'loss':>9} {'parameters':>11} {'speed':>7}  seeds")
    base: list[dict[str, Any]] = []
    for name in options.only:
        rows = [measured(preset, name, candidates[name], seed, data, folder) for seed in range(options.seeds)]
        base = base or rows
        print(line(name, rows, base), flush=True)


def line(name: str, rows: list[dict[str, Any]], base: list[dict[str, Any]]) -> str:
    errors = 100 * (1 - statistics.mean(row["validation_accuracy"] for row in rows))
    loss = statistics.mean(row["validation_loss"] for row in rows)
    speed = statistics.median(r["images_per_s"] for r in rows) / statistics.median(r["images_per_s"] for r in base)
    return f"{name:<40} {errors:>9.3f} {loss:>9.4f} {rows[0]['parameters']:>11,} {speed:>6.2f}x  {len(rows)}"


def measured(
    preset: str, name: str, change: Change | Mapping[str, Any], seed: int, data: models.TrainingData, folder: Path
) -> dict[str, Any]:
    """One training's last epoch, measured now or on an earlier day."""
    path = folder / f"{name.replace(' ', '-').replace(',', '')}-{seed}.json"
    with exclusive(folder / "locks" / path.name, path.stem, wait=True):
        if not path.is_file():
            path.write_text(json.dumps(trained(preset, change, seed, data), indent=2))
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def trained(preset: str, change: Change | Mapping[str, Any], seed: int, data: models.TrainingData) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        spec = resolved(preset, change, Path(folder))
        model = models.fit(spec, data, seed=seed, folder=Path(folder) / "model")
    last = model.history[-1]
    return {
        "validation_accuracy": last["validation_accuracy"],
        "validation_loss": last["validation_loss"],
        "images_per_s": model.facts["images_per_s"],
        "seconds": model.facts["seconds"],
        "parameters": model.n_parameters,
    }


def resolved(preset: str, change: Change | Mapping[str, Any], folder: Path) -> models.ModelSpec:
    spec = yaml.safe_load((PRESETS / f"{preset}.yml").read_text())
    values: dict[str, Any] = {"layers": change} if callable(change) else dict(change)
    spec["training"].update(values.pop("training", {}))
    if "layers" in values:
        spec["layers"] = values.pop("layers")(spec["layers"])
    path = folder / "candidate.yml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return models.resolve(str(path), values)
