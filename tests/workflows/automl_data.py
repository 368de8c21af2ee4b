"""Images for searches: small, cheap, and not so easy that all candidates are right about all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pigeonhole as ph
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import Dataset

SIDE, CLASSES = 4, 3


def blots(
    folder: Path,
    space: Workspace,
    *,
    name: str = "blots",
    images: int = 360,
    class_names: Sequence[str] = ("low", "middle", "high"),
) -> Dataset:
    """Noise around a pattern for each class, as `images` images of 4×4; the same for every name."""
    rng = np.random.default_rng(5)
    patterns_KD = rng.integers(60, 200, (CLASSES, SIDE**2))
    labels_N = np.arange(images) % CLASSES
    pixels_ND = np.clip(patterns_KD[labels_N] + rng.normal(0, 60, (images, SIDE**2)), 0, 255).astype(int)
    header = ",".join(["label", *(f"pixel{i}" for i in range(SIDE**2))])
    rows = [",".join(map(str, [label, *pixels])) for label, pixels in zip(labels_N, pixels_ND, strict=True)]
    table = folder / "blots.csv"
    table.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return ph.ingest(table, name=name, classes=list(class_names), workspace=space).dataset
