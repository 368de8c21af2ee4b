"""The curve of one training in fp32, kept as numbers: what moves it without meaning to is found here.

A change that means to move it writes the numbers anew, and says why in its commit:
`python tests/models/test_golden_curve.py` (in the repository's environment, with `constraints.txt`'s torch).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import torch
from tiny_networks import data, spec

from pigeonhole import models

CURVE = Path(__file__).parent / "assets" / "golden-curve.json"
FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate")
# Gentle enough that weights changed in their seventh digit move no figure beyond its sixth.
SETTINGS = {"precision": "fp32", "learning_rate": 0.01, "epochs": 4}


def curve(folder: Path) -> list[dict[str, float]]:
    """The records of a training with convolution, normalisation, dropout, augmentation, a cycle and an average."""
    trained = models.fit(spec(folder, **SETTINGS), data(), seed=11, folder=folder / "m")
    return [{name: record[name] for name in FIGURES} for record in trained.history]


def test_the_curve_is_the_golden_one(tmp_path):
    golden = json.loads(CURVE.read_text())
    for ours, theirs in zip(curve(tmp_path), golden, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        CURVE.write_text(json.dumps(curve(Path(folder)), indent=1) + "\n")
