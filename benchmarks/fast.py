"""`pigeonhole train mnist --model cnn-fast`, the whole command from process start, and where its seconds go.

    PIGEONHOLE_DATA=FOLDER python benchmarks/fast.py [--peers PYTHON] [--rounds 5] [--peer-rounds 2]

Goal: under 12 s; median and longest of the rounds, each another seed, in turns with the peer: `cnn-3` in plain Keras
(speed_keras.py), bf16 and fp32, until 99.0% of the test images are right. The peer may look at them after each epoch to
know when to stop; ours never does, and its test accuracy is measured by presets.py. The first round makes MLflow's
store as well. One more run with a clock in it tells where the time goes; it is not among the rounds. Results are kept
in `.benchmarks/fast/`; remove the folder to measure anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from measuring import Figures, kept, last_line, machine, pigeonhole
from mnist_images import mnist
from pigeonhole import data, models
from pigeonhole.core.workspace import Workspace

FOLDER = Path(".benchmarks/fast")
HERE = Path(__file__).parent
GOAL_S, ENOUGH, MOST_EPOCHS = 12.0, 0.99, 30
OURS = "cnn-fast, whole command"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=sys.executable, help="a Python with keras and tensorflow")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-rounds", type=int, default=2)
    parser.add_argument("--clocked", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--model", default="cnn-fast", help="another preset, to try the script out")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    train = ["train", "mnist", "--model", options.model, "--workspace", str(FOLDER / "workspace")]
    if options.clocked:
        sys.exit(clocked(options.clocked, [*train, "--seed", "1000"]))
    pigeonhole("ingest", "mnist", "--name", "mnist", "--workspace", str(FOLDER / "workspace"))
    runs: dict[str, list[Figures]] = {OURS: [], "Keras, bf16": [], "Keras, fp32": []}
    for seed in range(options.rounds):
        ours = FOLDER / f"{options.model}-{seed}.json"
        runs[OURS].append(kept(ours, lambda seed=seed: timed(lambda: pigeonhole(*train, "--seed", str(seed)))))
        if seed < options.peer_rounds:
            runs["Keras, bf16"].append(keras(options.peers, "mixed_bfloat16", seed))
            runs["Keras, fp32"].append(keras(options.peers, "float32", seed))
    report(runs)
    where = FOLDER / f"{options.model}-phases.json"
    phases(kept(where, lambda: clocked_figures(where.with_suffix(".clock"), options.model)))


def timed(measure: Callable[[], Figures]) -> Figures:
    """Seconds from process start to exit, and what the process said."""
    start = time.perf_counter()
    said = measure()
    return {"seconds": time.perf_counter() - start, "said": said}


def keras(python: str, precision: str, seed: int) -> Figures:
    command = [python, str(HERE / "speed_keras.py"), str(written_images()), str(written_settings())]
    command += ["--precision", precision, "--until", str(ENOUGH), "--seed", str(seed)]
    return kept(FOLDER / f"keras-{precision}-{seed}.json", lambda: timed(lambda: last_line(command)))


def written_images() -> Path:
    """Our training images, and for the peer's stopping MNIST's test images, past the lock of the dataset."""
    path = FOLDER / "images.npz"
    if not path.is_file():
        train = data.open_dataset(Workspace(FOLDER / "workspace"), "mnist").train
        test_images, test_labels = mnist("test")
        np.savez(
            path, images=train.images_NHWC, labels=train.labels_N, test_images=test_images, test_labels=test_labels
        )
    return path


def written_settings() -> Path:
    path = FOLDER / "settings.json"
    layers = models.resolve("cnn-3").to_dict()["layers"]
    settings = {"layers": layers, "epochs": MOST_EPOCHS, "batch_size": 128, "learning_rate": 0.001, "augment": {}}
    path.write_text(json.dumps(settings, indent=2))
    return path


def clocked_figures(path: Path, model: str) -> Figures:
    """Seconds by phase, of a command that runs with a clock in it."""
    start = time.time()
    command = [sys.executable, __file__, "--clocked", str(path), "--model", model]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    seconds = time.time() - start
    marks = json.loads(path.read_text())
    return {
        "interpreter and command line": marks["began"] - start,
        **marks["spent"],
        "everything else inside": marks["ended"] - marks["began"] - sum(marks["spent"].values()),
        "exit": start + seconds - marks["ended"],
        "whole": seconds,
    }


def clocked(path: Path, arguments: list[str]) -> int:
    """Runs the command line in this process with its parts wrapped; writes when each began and how long it took."""
    from pigeonhole import reports, tracking
    from pigeonhole.cli.main import run

    spent: dict[str, float] = {}
    began = time.time()

    def clock(owner: Any, name: str, phase: str) -> None:
        inner = getattr(owner, name)

        def outer(*values: Any, **named: Any) -> Any:
            start = time.time()
            try:
                return inner(*values, **named)
            finally:
                spent[phase] = spent.get(phase, 0.0) + time.time() - start

        setattr(owner, name, outer)

    def torch() -> None:
        import pigeonhole.models.networks.training.fit  # noqa: F401 - to be timed

    from pigeonhole.workflows import train

    clock(data, "open_dataset", "dataset")
    clock(train, "training_data", "dataset")
    clock(tracking.Runs, "start_or_continue", "run folder")
    holder = type("Holder", (), {"torch": staticmethod(torch)})
    clock(holder, "torch", "import torch")
    holder.torch()
    from pigeonhole.models.networks.training.judging import Judge
    from pigeonhole.models.networks.training.loop import Trainer

    clock(Trainer, "run_epoch", "training steps")
    clock(Judge, "judge", "validation")
    clock(train, "_keep_probabilities", "probabilities for calibration and export")
    clock(reports, "training_curves", "curves")
    clock(tracking.Mirror, "close", "waiting for MLflow")
    code = run([*arguments, "--json"])
    path.write_text(json.dumps({"began": began, "spent": spent, "ended": time.time()}))
    return code


def report(runs: dict[str, list[Figures]]) -> None:
    peers = runs["Keras, bf16"][0]["said"]["versions"] if runs["Keras, bf16"] else []
    print("; ".join([machine("torch", "mlflow"), *peers]))
    print("| | seconds, median (longest) | accuracy | epochs | rounds |\n|---|---|---|---|---|")
    for name, rows in runs.items():
        if rows:
            seconds = [row["seconds"] for row in rows]
            shown = f"{statistics.median(seconds):.1f} ({max(seconds):.1f})"
            print(f"| {name} | {shown} | {told(rows[0]['said'])} | {len(rows)} |")
    longest = max(row["seconds"] for row in runs[OURS])
    print(f"goal: under {GOAL_S:.0f} s; the longest took {longest:.1f} s")


def told(said: Figures) -> str:
    """Accuracy and epochs of the first round."""
    if "metrics" in said:
        return f"{said['metrics']['validation_accuracy']:.2%} validation | {said['metrics']['epochs']}"
    return f"{said['test_accuracy'][-1]:.2%} test | {len(said['test_accuracy'])}"


def phases(figures: Figures) -> None:
    print("\n| phase of one run | seconds |\n|---|---|")
    for name, seconds in figures.items():
        print(f"| {name} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
