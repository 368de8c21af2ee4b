"""Images as the tables that the peers read: a row an image, a column a pixel of a channel. And what they all tell."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import psutil


def options(doc: str) -> argparse.ArgumentParser:
    """The arguments that every peer has: the files with the images, and the budget."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where train.npz and test.npz are, with `images` and `labels`")
    parser.add_argument("--budget", type=int, required=True, help="seconds that the peer is told")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, P) uint8 and labels (N)."""
    with np.load(path) as file:
        images_NHWC, labels_N = file["images"], file["labels"]
    return images_NHWC.reshape(len(images_NHWC), -1), labels_N


def since_start() -> float:
    """Seconds since this process was started, imports included."""
    return time.time() - psutil.Process().create_time()


def tell(**figures: object) -> None:
    """Prints the figures as the last line."""
    print(json.dumps(figures), flush=True)
