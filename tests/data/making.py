"""Small sources written for tests: digits that are noise, with labels that follow from the row."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pigeonhole.images import png


def images(n: int, shape: tuple[int, int, int] = (4, 4, 1), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def labels(n: int, classes: int = 3) -> np.ndarray:
    return np.arange(n, dtype=np.uint8) % classes


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_pair(folder: Path, n: int, name: str = "train", *, zipped: bool = True, seed: int = 0) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    ending, pack = (".gz", gzip.compress) if zipped else ("", bytes)
    pair = folder / f"{name}-images-idx3-ubyte{ending}", folder / f"{name}-labels-idx1-ubyte{ending}"
    for path, values in zip(pair, (images(n, seed=seed)[..., 0], labels(n)), strict=True):
        path.write_bytes(pack(idx(values)))
    return pair


def csv_text(
    pixels_NHWC: np.ndarray, numbers: Sequence[int], *, place: int = 0, label: str = "label", end: str = "\n"
) -> str:
    rows = [[f"pixel{k}" for k in range(pixels_NHWC[0].size)], *pixels_NHWC.reshape(len(pixels_NHWC), -1).tolist()]
    for row, value in zip(rows, [label, *numbers], strict=True):
        row.insert(place, value)
    return "".join(",".join(map(str, row)) + end for row in rows)


def write_csv(path: Path, n: int = 30, seed: int = 0) -> Path:
    path.write_text(csv_text(images(n, seed=seed), labels(n).tolist()))
    return path


def write_folder(
    root: Path, classes: Sequence[str] = ("cat", "dog"), n: int = 12, shape=(5, 6, 3), seed: int = 0
) -> Path:
    for number, image in enumerate(images(n, shape, seed)):
        path = root / classes[number % len(classes)] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))
    return root
