"""MNIST's images in the order of the original files, for scripts and peers that need them outside a dataset."""

from __future__ import annotations

import numpy as np

from pigeonhole.data import ReadOptions
from pigeonhole.data.sources import find


def mnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28, 1) uint8 and labels (N) of `train` (60,000) or `test` (10,000)."""
    chunks = [chunk for chunk in find("mnist").read("mnist", ReadOptions()).chunks if chunk.split == split]
    return np.concatenate([chunk.images_NHWC for chunk in chunks]), np.concatenate([chunk.labels_N for chunk in chunks])
