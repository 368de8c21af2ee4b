"""The preset `cnn` beside the same network in plain Keras on TensorFlow: same images, epochs, batch, schedule, machine.

    PIGEONHOLE_DATA=FOLDER python benchmarks/train_cnn.py [--peers PYTHON] [--rounds 3] [--epochs 6]

Each runs as a process of its own, in turns, so that a busy machine slows both. Prints seconds from process start,
images/s of the training steps (median over epochs and rounds), and validation accuracy; the test split is not opened.
`--peers` is a Python with keras and tensorflow (`make bench` makes one).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole import data, models
from pigeonhole.core.workspace import Workspace

FOLDER = Path(".benchmarks/train_cnn")
HERE = Path(__file__).parent
AUGMENT = "affine-light"  # what `auto` chooses for these images; the peer cannot look at them itself


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=sys.executable, help="a Python with keras and tensorflow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=models.resolve("cnn").parameters["epochs"])
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    workspace = FOLDER / "workspace"
    pigeonhole("ingest", "mnist", "--name", "mnist", "--workspace", str(workspace))
    images = written_images(workspace)
    runs: dict[str, list[dict[str, Any]]] = {"pigeonhole train": [], "Keras, bf16": [], "Keras, fp32": []}
    for seed in range(options.rounds):
        runs["pigeonhole train"].append(ours(workspace, seed, options.epochs))
        settings = written_settings(seed, options.epochs)
        for name, precision in (("Keras, bf16", "mixed_bfloat16"), ("Keras, fp32", "float32")):
            runs[name].append(keras(options.peers, images, settings, precision))
    report(runs)


def ours(workspace: Path, seed: int, epochs: int) -> dict[str, Any]:
    """The whole command, with everything that it writes."""
    start = time.perf_counter()
    # A run of an earlier round is finished, so this one is new and trains from the start.
    run = pigeonhole(
        "train", "mnist", "--model", "cnn", "--seed", str(seed), "--set", f"epochs={epochs}",
        "--set", f"augment={AUGMENT}", "--workspace", str(workspace),
    )  # fmt: skip
    seconds = time.perf_counter() - start
    metrics = run["metrics"]
    return {
        "seconds": seconds,
        "images_per_s": metrics["images_per_s"],
        "accuracy": metrics["validation_accuracy"],
        "parameters": metrics["parameters"],
    }


def keras(python: str, images: Path, settings: Path, precision: str) -> dict[str, Any]:
    start = time.perf_counter()
    done = subprocess.run(
        [python, str(HERE / "keras_cnn.py"), str(images), str(settings), "--precision", precision],
        stdout=subprocess.PIPE,
        check=True,
    )
    seconds = time.perf_counter() - start
    figures = json.loads(done.stdout.splitlines()[-1])
    return {
        "seconds": seconds,
        "images_per_s": statistics.median(figures["images_per_s"]),
        "accuracy": figures["validation_accuracy"][-1],
        "parameters": figures["parameters"],
        "versions": f"Keras {figures['keras']}, TensorFlow {figures['tensorflow']}",
    }


def written_images(workspace: Path) -> Path:
    """Training and validation images for the peer, which cannot read our datasets."""
    dataset = data.open_dataset(Workspace(workspace), "mnist")
    path = FOLDER / "images.npz"
    np.savez(
        path,
        train_images=dataset.train.images_NHWC,
        train_labels=dataset.train.labels_N,
        validation_images=dataset.validation.images_NHWC,
        validation_labels=dataset.validation.labels_N,
    )
    return path


def written_settings(seed: int, epochs: int) -> Path:
    """The preset's own settings, so that the peer follows when they change."""
    training = models.resolve("cnn", {"epochs": epochs, "augment": AUGMENT}).to_dict()["training"]
    settings = {
        "seed": seed,
        "epochs": epochs,
        "warmup": training["schedule"]["warmup"],
        "learning_rate": training["optimizer"]["learning_rate"],
        "weight_decay": training["optimizer"]["weight_decay"],
        **{name: training[name] for name in ("batch_size", "augment", "label_smoothing", "ema_decay")},
    }
    path = FOLDER / "settings.json"
    path.write_text(json.dumps(settings, indent=2))
    return path


def pigeonhole(*arguments: str) -> dict[str, Any]:
    """Runs the program as a user would, and returns its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "pigeonhole.cli.main", *arguments, "--json"], stdout=subprocess.PIPE, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def report(runs: dict[str, list[dict[str, Any]]]) -> None:
    import torch

    versions = runs["Keras, bf16"][0]["versions"]
    print(f"{platform.machine()}, {os.cpu_count()} cores; torch {torch.__version__}; {versions}")
    print(f"{'':<18} {'seconds':>8} {'images/s':>9} {'ratio':>6} {'validation %':>13} {'parameters':>11}  rounds")
    own = statistics.median(run["images_per_s"] for run in runs["pigeonhole train"])
    for name, rows in runs.items():
        seconds = statistics.median(row["seconds"] for row in rows)
        speed = statistics.median(row["images_per_s"] for row in rows)
        accuracy = 100 * statistics.mean(row["accuracy"] for row in rows)
        print(
            f"{name:<18} {seconds:>8.1f} {speed:>9,.0f} {own / speed:>5.2f}x {accuracy:>13.2f}"
            f" {rows[0]['parameters']:>11,}  {len(rows)}"
        )


if __name__ == "__main__":
    main()
