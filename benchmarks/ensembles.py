"""Ensembles of five of ten seeds of a preset: the mean test accuracy over all 252 choices, and not the best of them.

    PIGEONHOLE_DATA=FOLDER python benchmarks/ensembles.py [--key cnn-best] [--pool 10] [--members 5] [--threads 1]

The members are those of presets.py (`--seeds 10` measures them beforehand, or this does). What each made of the test
images is kept in `benchmarks/members/`, so that the figure can be checked without hours of training; a member of
another setting of the preset is trained anew. An ensemble's probabilities are the mean of its members'. Nothing is
chosen: every choice of the pool counts alike.

Axes: M members, N images, K classes.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import presets
from measuring import machine
from pigeonhole import models
from pigeonhole.core.files import write_bytes
from preset_rows import PART, ROWS

Probs = npt.NDArray[np.float32]
MEMBERS = Path(__file__).with_name("members")


class Member(NamedTuple):
    """What a training was made from, the test images' classes [N], and the probabilities [N, K] that it gave them."""

    spec: dict[str, Any]
    labels_N: npt.NDArray[np.uint8]
    probs_NK: Probs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", default="cnn-best", choices=[row.key for row in ROWS if row.scored_on == "test"])
    parser.add_argument("--pool", type=int, default=10)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of each training; all cores, if not given")
    options = parser.parse_args()
    row = next(row for row in ROWS if row.key == options.key and row.dataset != PART)
    made = {seed: member(row, seed, options.threads) for seed in range(options.pool)}
    missing = [seed for seed, one in made.items() if one is None]
    if missing:
        print(f"seeds {missing} are not there yet: run this again", file=sys.stderr)
        return 1
    members = [one for one in made.values() if one is not None]
    if any((one.labels_N != members[0].labels_N).any() for one in members):
        raise SystemExit("the members saw other test images, or the same in another order")
    labels_N, probs_MNK = members[0].labels_N, np.stack([one.probs_NK for one in members])
    print(machine("torch"))
    print(line("one member", [accuracy(probs_NK, labels_N) for probs_NK in probs_MNK]))
    print(line(f"{options.members} of {options.pool}", ensembles(probs_MNK, labels_N, options.members)))
    return 0


def member(row: presets.Row, seed: int, threads: int | None) -> Member | None:
    """A member as it is kept, or measured now; `None` while another process is at it."""
    path = MEMBERS / f"{row.key}-{seed}.npz"
    spec = models.resolve(row.key).to_dict()
    kept = read(path)
    if kept is None or kept.spec != spec:
        presets.take(row, seed, threads)
        if not presets.result(row, seed).is_file():
            return None
        measured = presets.read_json(presets.result(row, seed))
        run = presets.FOLDER / "workspaces" / row.name / "runs" / measured["run"]
        made = presets.read_json(run / "run.json")["spec"]
        if made != spec:
            raise SystemExit(f"{presets.result(row, seed)} was measured with other settings: remove it to measure anew")
        content = io.BytesIO()
        np.savez_compressed(
            content,
            spec=json.dumps(made),
            seconds=measured["command_s"],
            labels_N=np.load(run / "arrays" / "evaluated_labels.npy").astype(np.uint8),
            probs_NK=np.load(run / "arrays" / "evaluated_probs.npy").astype(np.float16),
        )
        MEMBERS.mkdir(exist_ok=True)
        write_bytes(path, content.getvalue())
        kept = read(path)
    return kept


def read(path: Path) -> Member | None:
    """A member from its file, if there is one."""
    if not path.is_file():
        return None
    with np.load(path) as kept:
        return Member(json.loads(str(kept["spec"])), kept["labels_N"], kept["probs_NK"].astype(np.float32))


def ensembles(probs_MNK: Probs, labels_N: npt.NDArray[np.uint8], members: int) -> list[float]:
    """The accuracy of every choice of so many members."""
    choices = itertools.combinations(range(len(probs_MNK)), members)
    return [accuracy(probs_MNK[list(choice)].mean(axis=0), labels_N) for choice in choices]


def accuracy(probs_NK: Probs, labels_N: npt.NDArray[np.uint8]) -> float:
    return float((probs_NK.argmax(axis=1) == labels_N).mean())


def line(name: str, accuracies: list[float]) -> str:
    percent = [100 * value for value in accuracies]
    spread = f"{statistics.mean(percent):.3f} ± {statistics.stdev(percent):.3f}%"
    return f"{name:<12} {spread} test, {len(percent)} choices, from {min(percent):.2f} to {max(percent):.2f}%"


if __name__ == "__main__":
    sys.exit(main())
