"""ingest() of Kaggle's 42,000 × 785 CSV against polars read_csv → uint8 array → np.save, and its peak memory.

    PIGEONHOLE_DATA=… python benchmarks/ingest.py [--pairs 7] [--json FILE]

Each measurement is a fresh process; ours and the peer's take turns, so that a busy machine slows both. «process» is
from start to exit as the shell sees it; «work» is from the first import of the library to the finished file; «cpu» is
the processor time of both cores. Ours checks every cell, hashes the file and every image, splits, writes index and
manifest and forces all of it onto the disk; the peer does none of that. The CSV file is written here, from MNIST's
first 42,000 training images.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = 42_000
MEMORY_ROWS = (10_500, 21_000, 42_000, 84_000)


def ours(path: Path, folder: Path) -> None:
    from pigeonhole.core.workspace import Workspace
    from pigeonhole.data import ingest

    result = ingest(Workspace(folder / "workspace"), str(path), name="kaggle")
    assert not result.reused


def peer(path: Path, folder: Path) -> None:
    import numpy as np
    import polars as pl

    frame = pl.read_csv(path)
    np.save(folder / "labels.npy", frame["label"].to_numpy())
    np.save(folder / "images.npy", frame.drop("label").to_numpy().astype(np.uint8))


def only_imports(_path: Path, _folder: Path) -> None:
    import pyarrow.parquet  # noqa: F401

    import pigeonhole.data  # noqa: F401


CHILDREN = {"ours": ours, "polars": peer, "imports": only_imports}


def child(name: str, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        start = time.perf_counter()
        CHILDREN[name](path, Path(folder))
        work_s = time.perf_counter() - start
    print(json.dumps({"work_s": work_s, "cpu_s": time.process_time(), "peak_bytes": peak_bytes()}))


def peak_bytes() -> int:
    """This process's highest resident memory; getrusage's figure would begin with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def measure(name: str, path: Path) -> dict[str, float]:
    start = time.perf_counter()
    command = [sys.executable, __file__, "--child", name, "--csv", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"process_s": time.perf_counter() - start, **json.loads(done.stdout)}


def write_csv(path: Path, rows: int) -> None:
    """Kaggle's digit-recognizer form; more rows than MNIST has repeat it."""
    import numpy as np

    from pigeonhole.data import ReadOptions
    from pigeonhole.data.sources import find

    numbers = [str(value).encode() for value in range(256)]
    chunks = list(find("mnist").read("mnist", ReadOptions()).chunks)
    images = np.concatenate([chunk.images_NHWC for chunk in chunks if chunk.split == "train"]).reshape(-1, 784)
    labels = np.concatenate([chunk.labels_N for chunk in chunks if chunk.split == "train"]).tolist()
    with path.open("wb") as file:
        file.write(b",".join([b"label", *(f"pixel{place}".encode() for place in range(784))]) + b"\n")
        for row in range(rows):
            row %= len(images)
            file.write(b"%d,%b\n" % (labels[row], b",".join([numbers[value] for value in images[row].tobytes()])))


def speed(path: Path, pairs: int) -> dict[str, object]:
    for name in ("ours", "polars"):
        measure(name, path)  # once each into the page cache and the compiled-file caches
    results = [{name: measure(name, path) for name in order} for order in orders(pairs)]
    found: dict[str, object] = {"pairs": pairs}
    for kind in ("work_s", "process_s", "cpu_s"):
        ratios = [result["ours"][kind] / result["polars"][kind] for result in results]
        medians = {name: statistics.median(result[name][kind] for result in results) for name in ("ours", "polars")}
        found[kind] = {**medians, "ratio": statistics.median(ratios), "ratios": sorted(ratios)}
    return found


def orders(pairs: int) -> list[tuple[str, str]]:
    return [("ours", "polars") if turn % 2 == 0 else ("polars", "ours") for turn in range(pairs)]


def memory(folder: Path) -> list[dict[str, float]]:
    rows_of = []
    for rows in MEMORY_ROWS:
        path = folder / f"kaggle-{rows}.csv"
        write_csv(path, rows)
        base = measure("imports", path)["peak_bytes"]
        peak = measure("ours", path)["peak_bytes"]
        peer_peak = measure("polars", path)["peak_bytes"]
        rows_of.append(
            {
                "rows": rows,
                "file_bytes": path.stat().st_size,
                "imports_bytes": base,
                "ours_bytes": peak,
                "polars_bytes": peer_peak,
            }
        )
        path.unlink()
    return rows_of


def machine() -> dict[str, object]:
    from importlib.metadata import version

    packages = {name: version(name) for name in ("pigeonhole", "polars", "numpy", "pyarrow")}
    return {"python": platform.python_version(), "cpus": os.cpu_count(), **packages}


def report(found: dict[str, object]) -> None:
    print(f"machine: {found['machine']}")
    for kind, title in (("work_s", "work"), ("process_s", "process"), ("cpu_s", "cpu")):
        row = found["speed"][kind]
        print(
            f"{title:8} ours {row['ours']:.3f} s   polars {row['polars']:.3f} s   "
            f"median ratio {row['ratio']:.2f} (from {row['ratios'][0]:.2f} to {row['ratios'][-1]:.2f},"
            f" {found['speed']['pairs']} pairs)"
        )
    mib = 2**20
    for row in found["memory"]:
        print(
            f"memory   {row['rows']:6,} rows, file {row['file_bytes'] / mib:5.0f} MiB:"
            f" ours {row['ours_bytes'] / mib:5.0f} MiB"
            f" (of it {row['imports_bytes'] / mib:.0f} imports)   polars {row['polars_bytes'] / mib:5.0f} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    parser.add_argument("--csv", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.csv)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kaggle.csv"
        write_csv(path, ROWS)
        found: dict[str, object] = {"machine": machine(), "speed": speed(path, arguments.pairs)}
        found["memory"] = memory(Path(folder))
    report(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
