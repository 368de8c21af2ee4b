"""Every preset's accuracy, seconds, peak memory and parameters over seeds: the table of RECORDS.md.

    PIGEONHOLE_DATA=FOLDER python benchmarks/presets.py [--keys cnn-3 mlp-128] [--seeds 5] [--threads 1]

Each seed is one `pigeonhole train` from process start; where the goal is about test images, one `pigeonhole evaluate`
follows it, and nothing is chosen by what comes out. Validation accuracy is that of the last epoch. Estimators that no
seed changes run once. Results are kept in `.benchmarks/presets/`, a file a seed, so that a killed measurement goes on;
remove files to measure anew. The same line may run several times at once (say twice, with `--threads 1` on two cores):
each takes what none of the others has; what they have meanwhile is missing from the table until they are done.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from measuring import Figures, kept, machine, pigeonhole
from mnist_images import mnist
from pigeonhole.core.errors import ConflictError
from pigeonhole.core.files import publish, read_json, staged_folder
from pigeonhole.core.locks import exclusive
from preset_rows import ALL, PART, ROWS, WHOLE, Row

FOLDER = Path(".benchmarks/presets")
PART_IMAGES = 42_000
COLUMNS = "| preset | images | elsewhere | goal | validation, last epoch | test | seconds | memory | parameters | n |"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def main() -> int:
    keys = list(dict.fromkeys(row.key for row in ROWS))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", nargs="+", choices=keys, default=keys, metavar="KEY", help=", ".join(keys))
    parser.add_argument("--data", choices=[PART, WHOLE, ALL], help="only the rows on these images")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of each training; all cores, if not given")
    parser.add_argument("--table", action="store_true", help="measure nothing, print what there is")
    options = parser.parse_args()
    rows = [row for row in ROWS if row.key in options.keys and options.data in {None, row.dataset}]
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not options.table:
        for row in rows:
            for seed in seeds(row, options.seeds):
                take(row, seed, options.threads)
    return report(rows, options.seeds)


def seeds(row: Row, count: int) -> range:
    return range(1 if row.deterministic else count)


def result(row: Row, seed: int) -> Path:
    return FOLDER / f"{row.name}-{seed}.json"


def take(row: Row, seed: int, threads: int | None) -> None:
    """Measures one seed, unless it is measured or another process is at it."""
    path = result(row, seed)
    try:
        with exclusive(FOLDER / "locks" / path.name, path.stem):
            if not path.is_file():
                print(f"{path.stem}: measuring", file=sys.stderr, flush=True)
                kept(path, lambda: measured(row, seed, threads))
    except ConflictError:
        print(f"{path.stem}: another process is at it", file=sys.stderr, flush=True)
    except subprocess.CalledProcessError as error:
        # Its own message stands on stderr; the other rows are worth measuring all the same.
        print(f"{path.stem}: failed with {error.returncode}", file=sys.stderr, flush=True)


def measured(row: Row, seed: int, threads: int | None) -> Figures:
    """Trains one seed, and scores it where the row is about test images."""
    environment = {} if threads is None else dict.fromkeys(THREADS, str(threads))
    here = functools.partial(pigeonhole, environment=environment)
    workspace = ["--workspace", str(ingested(row))]
    # Kept by itself: a kill during `evaluate` must not lead to a second training.
    trained = kept(FOLDER / "trained" / result(row, seed).name, lambda: training(row, seed, workspace, environment))
    figures = {**trained, "threads": threads}
    if row.scored_on == "test":
        # A run that was scored before a kill is not scored again.
        scored = here("runs", "show", trained["run"], *workspace)["evaluation"]
        report = scored or here("evaluate", trained["run"], *workspace)
        figures["test_accuracy"] = report["accuracy"]["value"]
    return figures


def training(row: Row, seed: int, workspace: list[str], environment: dict[str, str]) -> Figures:
    start = time.perf_counter()
    command = ["train", row.dataset, "--model", row.key, "--seed", str(seed), *workspace]
    run = pigeonhole(*command, environment=environment)
    seconds = time.perf_counter() - start
    last = json.loads((Path(run["folder"]) / "history.jsonl").read_text().splitlines()[-1])
    metrics = run["metrics"]
    return {
        "run": run["run_id"],
        "validation_accuracy": last["validation_accuracy"],
        "command_s": seconds,
        "training_s": metrics["seconds"],
        "epochs": metrics["epochs"],
        "parameters": metrics["parameters"],
        "peak_memory_bytes": metrics["peak_memory_bytes"],
    }


def ingested(row: Row) -> Path:
    """The row's own workspace, with its images in it."""
    workspace = FOLDER / "workspaces" / row.name
    sources = {WHOLE: lambda: ["mnist"], ALL: lambda: ["mnist", "--validation", "0"], PART: first_images}
    pigeonhole("ingest", *sources[row.dataset](), "--name", row.dataset, "--workspace", str(workspace))
    return workspace


def first_images() -> list[str]:
    """MNIST's first 42,000 training images in the order of the original file, as an IDX pair, and how to split them."""
    folder = FOLDER / PART
    with exclusive(FOLDER / "locks" / PART, PART, wait=True):
        if not folder.is_dir():
            images_NHWC, labels_N = mnist("train")
            with staged_folder(FOLDER) as staged:
                write_idx(staged / "images-idx3-ubyte", images_NHWC[:PART_IMAGES, ..., 0])
                write_idx(staged / "labels-idx1-ubyte", labels_N[:PART_IMAGES].astype(np.uint8))
                publish(staged, folder)
    return [str(folder), "--test", "0", "--validation", "0.1"]


def write_idx(path: Path, array: np.ndarray) -> None:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(head + array.tobytes())


def report(rows: list[Row], count: int) -> int:
    """Prints the table; 1 if a row is incomplete or below its goal."""
    print(machine("torch", "scikit-learn"))
    print(f"{COLUMNS}\n{'|---' * (COLUMNS.count('|') - 1)}|")
    short = []
    for row in rows:
        wanted = [result(row, seed) for seed in seeds(row, count)]
        found = [read_json(path) for path in wanted if path.is_file()]
        if found:
            print(line(row, found), flush=True)
        if len(found) < len(wanted):
            short.append(f"{row.name}: {len(found)} of {len(wanted)} seeds")
        elif row.goal is not None and mean(found, row.scored_on) < row.goal:
            short.append(f"{row.name}: {mean(found, row.scored_on):.4%} is below {row.goal:.2%}")
    print("\n".join(["", *short]) if short else "\nevery row is complete, and every goal is reached")
    return 1 if short else 0


def line(row: Row, found: list[Figures]) -> str:
    """One row of the table, in Markdown."""
    images = {PART: "42,000", WHOLE: "54,000 + test", ALL: "60,000 + test"}[row.dataset]
    goal = "" if row.goal is None else f"≥ {row.goal:.2%} {row.scored_on}"
    seconds = statistics.median(figures["command_s"] for figures in found)
    memory = max(figures["peak_memory_bytes"] for figures in found) / 2**20
    test = spread(found, "test") if row.scored_on == "test" else ""
    validation = spread(found, "validation") if row.dataset != ALL else "none"
    cells = [f"`{row.key}`", images, row.elsewhere, goal, validation, test]
    cells += [f"{seconds:,.1f}{threads_in_words(found)}", f"{memory:,.0f} MiB", f"{found[0]['parameters']:,}"]
    return "| " + " | ".join([*cells, str(len(found))]) + " |"


def threads_in_words(found: list[Figures]) -> str:
    """` on 1 thread`, where that was asked for."""
    counts = sorted({str(figures["threads"]) for figures in found if figures["threads"]})
    return f" on {'/'.join(counts)} thread{'' if counts == ['1'] else 's'}" if counts else ""


def mean(found: list[Figures], split: str) -> float:
    return statistics.mean(figures[f"{split}_accuracy"] for figures in found)


def spread(found: list[Figures], split: str) -> str:
    accuracies = [100 * figures[f"{split}_accuracy"] for figures in found]
    deviation = f" ± {statistics.stdev(accuracies):.3f}" if len(accuracies) > 1 else ""
    return f"{statistics.mean(accuracies):.3f}{deviation}%"


if __name__ == "__main__":
    sys.exit(main())
