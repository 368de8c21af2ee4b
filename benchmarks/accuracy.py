"""Accuracy and seconds of the commands `train` and `evaluate`, each from process start, over seeds, on MNIST.

    PIGEONHOLE_DATA=FOLDER python benchmarks/accuracy.py [--models cnn logistic-regression] [--seeds 5]

Each seed is one training and one look at the test split; nothing is chosen by what comes out. Results are kept in
`.benchmarks/accuracy/`, one file a seed, so that a killed measurement goes on; remove the folder to measure anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(".benchmarks/accuracy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["cnn", "logistic-regression"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--dataset", default="mnist")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    workspace = ["--workspace", str(FOLDER / "workspace")]
    pigeonhole("ingest", options.dataset, "--name", options.dataset, *workspace)
    print(f"{'model':<22} {'test accuracy, mean ± sd':<28} {'seconds, median (max)':<24} parameters  seeds")
    for model in options.models:
        rows = [measured(options.dataset, model, seed, workspace) for seed in range(options.seeds)]
        print(summary(model, rows), flush=True)


def measured(dataset: str, model: str, seed: int, workspace: list[str]) -> dict[str, Any]:
    """One seed's figures, measured now or on an earlier day."""
    path = FOLDER / f"{dataset}-{model}-{seed}.json"
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text())
        return kept
    start = time.perf_counter()
    run = pigeonhole("train", dataset, "--model", model, "--seed", str(seed), *workspace)
    trained = time.perf_counter()
    report = pigeonhole("evaluate", run["run_id"], *workspace)
    end = time.perf_counter()
    figures = {
        "train_s": trained - start,
        "evaluate_s": end - trained,
        "accuracy": report["accuracy"]["value"],
        "validation_accuracy": run["metrics"]["validation_accuracy"],
        "parameters": run["metrics"]["parameters"],
        "peak_memory_bytes": run["metrics"]["peak_memory_bytes"],
    }
    path.write_text(json.dumps(figures, indent=2))
    return figures


def pigeonhole(*arguments: str) -> dict[str, Any]:
    """Runs the program as a user would, and returns its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "pigeonhole.cli.main", *arguments, "--json"], stdout=subprocess.PIPE, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def summary(model: str, rows: list[dict[str, Any]]) -> str:
    accuracies = [100 * row["accuracy"] for row in rows]
    spread = f" ± {statistics.stdev(accuracies):.3f}" if len(rows) > 1 else ""
    seconds = [row["train_s"] + row["evaluate_s"] for row in rows]
    accuracy = f"{statistics.mean(accuracies):.3f}{spread} %"
    took = f"{statistics.median(seconds):.1f} ({max(seconds):.1f})"
    return f"{model:<22} {accuracy:<28} {took:<24} {rows[0]['parameters']:>10,}  {len(rows)}"


if __name__ == "__main__":
    main()
