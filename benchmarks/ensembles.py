"""Ensembles of five of ten seeds of a preset: the mean test accuracy over all 252 choices, and not the best of them.

    PIGEONHOLE_DATA=FOLDER python benchmarks/ensembles.py [--key cnn-best] [--pool 10] [--members 5] [--threads 1]

The members are those of presets.py (`--seeds 10` measures them beforehand, or this does); an ensemble's probabilities
are the mean of its members'. Nothing is chosen: every choice of the pool counts alike.

Axes: M members, N images, K classes.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys

import numpy as np
import numpy.typing as npt

import presets
from measuring import machine
from preset_rows import PART, ROWS

Probs = npt.NDArray[np.float32]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", default="cnn-best", choices=[row.key for row in ROWS if row.scored_on == "test"])
    parser.add_argument("--pool", type=int, default=10)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of each training; all cores, if not given")
    options = parser.parse_args()
    row = next(row for row in ROWS if row.key == options.key and row.dataset != PART)
    for seed in range(options.pool):
        presets.take(row, seed, options.threads)
    missing = [seed for seed in range(options.pool) if not presets.result(row, seed).is_file()]
    if missing:
        print(f"seeds {missing} are not there yet: run this again", file=sys.stderr)
        return 1
    labels_N, probs_MNK = pool(row, options.pool)
    print(machine("torch"))
    print(line("one member", [accuracy(probs_NK, labels_N) for probs_NK in probs_MNK]))
    print(line(f"{options.members} of {options.pool}", ensembles(probs_MNK, labels_N, options.members)))
    return 0


def pool(row: presets.Row, count: int) -> tuple[npt.NDArray[np.int64], Probs]:
    """The test images' labels, and what each member gave them."""
    folder = presets.FOLDER / "workspaces" / row.name / "runs"
    runs = [folder / presets.read_json(presets.result(row, seed))["run"] / "arrays" for seed in range(count)]
    labels_N = np.load(runs[0] / "evaluated_labels.npy")
    return labels_N, np.stack([np.load(run / "evaluated_probs.npy") for run in runs])


def ensembles(probs_MNK: Probs, labels_N: npt.NDArray[np.int64], members: int) -> list[float]:
    """The accuracy of every choice of so many members."""
    choices = itertools.combinations(range(len(probs_MNK)), members)
    return [accuracy(probs_MNK[list(choice)].mean(axis=0), labels_N) for choice in choices]


def accuracy(probs_NK: Probs, labels_N: npt.NDArray[np.int64]) -> float:
    return float((probs_NK.argmax(axis=1) == labels_N).mean())


def line(name: str, accuracies: list[float]) -> str:
    percent = [100 * value for value in accuracies]
    spread = f"{statistics.mean(percent):.3f} ± {statistics.stdev(percent):.3f}%"
    return f"{name:<12} {spread} test, {len(percent)} choices, from {min(percent):.2f} to {max(percent):.2f}%"


if __name__ == "__main__":
    sys.exit(main())
