"""A million 28×28 images, mapped from disk and in memory: images/s of training, and anonymous memory.

    python benchmarks/million.py [--images 1000000] [--rounds 3] [--clean]

The images are synthetic, 784 MB in one `.npy` file below `.benchmarks/million/`, which the script writes and `--clean`
removes. One epoch of a small, fast network by `models.fit`, each in a process of its own and in turns: mapped with
none of the file in the page cache (cold), mapped with all of it there (warm), and from an array in memory. The first
epoch of a process warms it up on 20,000 images and does not count. Anonymous memory is the highest RssAnon of
/proc/self/status, read every 20 ms: what the process needs itself, without pages of the file, which the kernel takes
back when somebody else needs them. Goals: warm within 10% of memory, and less than 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from measuring import Figures, last_line, machine
from pigeonhole import models

FOLDER = Path(".benchmarks/million")
CLASSES, CHUNK, WARM_UP = 10, 50_000, 20_000
SPEC = """
type: network
summary: Small and fast, so that fetching the images is as large a part of the work as it gets.
layers:
  - flatten
  - dense: {units: 128, activation: relu}
  - dense: {units: $classes, activation: softmax}
training: {epochs: 1, batch_size: 512, optimizer: {name: sgd, learning_rate: 0.05}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clean", action="store_true", help="remove the images, and measure nothing")
    parser.add_argument("--child", choices=["cold", "warm", "memory"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = FOLDER / f"images-{options.images}.npy"
    if options.clean:
        shutil.rmtree(FOLDER, ignore_errors=True)
    elif options.child:
        print(json.dumps(child(options.child, path)))
    else:
        write_images(path, options.images)
        command = [sys.executable, __file__, "--images", str(options.images), "--child"]
        runs: dict[str, list[Figures]] = {"cold": [], "warm": [], "memory": []}
        for _ in range(options.rounds):
            for how, rows in runs.items():
                rows.append(last_line([*command, how]))
        report(runs, options.images)


def write_images(path: Path, count: int) -> None:
    """Noise with a bright patch whose place tells the class; written once."""
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    images_NHWC = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(count, 28, 28, 1))
    random = np.random.default_rng(0)
    for start in range(0, count, CHUNK):
        labels_N = labels(count)[start : start + CHUNK]
        chunk_NHW = random.integers(0, 128, (len(labels_N), 28, 28), np.uint8)
        for label in range(CLASSES):
            chunk_NHW[labels_N == label, 2 + 2 * label : 8 + 2 * label, 4:24] += 96
        images_NHWC[start : start + CHUNK, :, :, 0] = chunk_NHW
    images_NHWC.flush()
    part.rename(path)


def labels(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * 7 % CLASSES


def child(how: str, path: Path) -> Figures:
    """One training in this process."""
    if how == "cold":
        forget(path)
    elif how == "warm":
        read(path)
    images_NHWC = np.load(path, mmap_mode=None if how == "memory" else "r")
    fit(np.array(images_NHWC[:WARM_UP]))
    if how == "cold":
        forget(path)
    with AnonymousMemory() as memory:
        trained = fit(images_NHWC)
    return {
        "images_per_s": trained.facts["images_per_s"],
        "accuracy": trained.history[-1]["train_accuracy"],
        "anonymous_bytes": memory.highest,
    }


def fit(images_NHWC: np.ndarray) -> models.Trained:
    given = models.TrainingData(images_NHWC, labels(len(images_NHWC)), None, None, tuple("0123456789"))
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        spec = Path(folder) / "million.yml"
        spec.write_text(SPEC)
        return models.fit(models.resolve(str(spec)), given, seed=0, folder=Path(folder) / "model")


def forget(path: Path) -> None:
    """Asks the kernel to drop the file from the page cache; what is not on the disk yet cannot be dropped."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


class AnonymousMemory:
    """The highest RssAnon while the block runs."""

    def __init__(self) -> None:
        self.highest = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.highest = max(self.highest, anonymous_bytes())

    def __enter__(self) -> AnonymousMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.highest = max(self.highest, anonymous_bytes())
        self._done.set()
        self._thread.join()


def anonymous_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) * 1024


def report(runs: dict[str, list[Figures]], count: int) -> None:
    print(f"{machine('torch', 'numpy')}; {count:,} images")
    print("| images are | images/s, median (range) | of the rate in memory | anonymous memory | rounds |")
    print("|---|---|---|---|---|")
    base = statistics.median(row["images_per_s"] for row in runs["memory"])
    names = {"cold": "mapped, none in the page cache", "warm": "mapped, all in the page cache", "memory": "in memory"}
    for how, rows in runs.items():
        speeds = [row["images_per_s"] for row in rows]
        speed = statistics.median(speeds)
        memory = max(row["anonymous_bytes"] for row in rows) / 2**20
        print(
            f"| {names[how]} | {speed:,.0f} ({min(speeds):,.0f}–{max(speeds):,.0f}) | {speed / base:.0%}"
            f" | {memory:,.0f} MiB | {len(rows)} |"
        )


if __name__ == "__main__":
    main()
