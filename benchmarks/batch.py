"""`batch` over a million 28×28 images in one `.npy` file beside ONNX Runtime alone: images/s and anonymous memory.

    python benchmarks/batch.py [--images 1000000] [--rounds 3] [--model cnn] [--clean]

Ours is the whole call: the bundle opened and proven, images read, predicted and recorded, the Parquet file written,
hashed and moved to its place. ONNX Runtime alone is only the loop over the memory-mapped file that calls the same
model, in two ways: with its own threads on all cores, and with as many of ours as there are cores and one of its own in
each call; both with 64 and with 256 images a call. Each is a process of its own; they take turns, and ours is quoted as
a ratio to the fastest of the others in the same round. Anonymous memory is the highest RssAnon of
/proc/self/status, read every 20 ms. Goals: 80%, and memory that does not grow with the images (`--images 100000` beside
`--images 1000000`). Rounds that are measured are kept below `.benchmarks/batch/` and not measured again; `--clean`
removes them, the images and the model. The images are those of million.py.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from measuring import Figures, kept, last_line, machine
from million import FOLDER as IMAGES
from million import AnonymousMemory, write_images

FOLDER = Path(".benchmarks/batch")
CORES = len(os.sched_getaffinity(0))
OURS = "batch"
PEERS = {f"{how}-{size}": (how, size) for how in ("own", "ours") for size in (64, 256)}
NAMES = {
    OURS: "pigeonhole batch, to Parquet",
    **{
        f"{how}-{size}": f"ONNX Runtime alone, {told}, {size} images a call"
        for how, told in (("own", f"its own {CORES} threads"), ("ours", f"{CORES} callers with a thread each"))
        for size in (64, 256)
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="cnn", help="a preset; it is trained on mnist-5k for a moment")
    parser.add_argument("--clean", action="store_true", help="remove what was made and measured, and measure nothing")
    parser.add_argument("--child", choices=list(NAMES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = IMAGES / f"images-{options.images}.npy"
    bundle_folder = FOLDER / f"{options.model}.bundle"
    if options.clean:
        shutil.rmtree(FOLDER, ignore_errors=True)
        path.unlink(missing_ok=True)
    elif options.child:
        print(json.dumps(child(options.child, path, bundle_folder)))
    else:
        write_images(path, options.images)
        make_bundle(options.model, bundle_folder)
        report(list(measured(options)), options.images, options.model)


def make_bundle(model: str, folder: Path) -> None:
    """A bundle of a preset; how good it is does not matter here."""
    if folder.is_dir():
        return
    import pigeonhole as ph

    space = FOLDER / "workspace"
    ph.ingest("mnist-5k", name="digits", workspace=space)
    settings = {"epochs": 1} if "cnn" in model or "mlp" in model else {}
    trained = ph.train("digits", model=model, settings=settings, workspace=space)
    # Registering exports it.
    ph.evaluate(trained.run_id, workspace=space)
    ph.register(trained.run_id, name="digits", workspace=space)
    shutil.copytree(Path(trained.folder) / "bundle", folder)


def measured(options: argparse.Namespace) -> Iterator[dict[str, Figures]]:
    """The figures of each round, by name."""
    command = [sys.executable, __file__, "--images", str(options.images), "--model", options.model, "--child"]
    for number in range(options.rounds):
        row = {}
        for name in NAMES:
            result = FOLDER / "rounds" / f"{options.model}-{options.images}-{number}-{name}.json"
            row[name] = kept(result, lambda name=name: last_line([*command, name]))
        yield row


def child(name: str, path: Path, bundle_folder: Path) -> Figures:
    """One pass over the images in this process."""
    count = len(np.load(path, mmap_mode="r"))
    work = ours(path, bundle_folder) if name == OURS else alone(*PEERS[name], path, bundle_folder)
    with AnonymousMemory() as memory:
        cpu, begun = time.process_time(), time.perf_counter()
        work()
        seconds, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    return {"images_per_s": count / seconds, "cpu_us": 1e6 * cpu_s / count, "anonymous_bytes": memory.highest}


def ours(path: Path, bundle_folder: Path) -> Callable[[], object]:
    import pigeonhole as ph

    out = FOLDER / "predictions.parquet"
    for old in FOLDER.glob(f"{out.name}*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    return lambda: ph.batch(bundle_folder, path, out=out)


def alone(how: str, size: int, path: Path, bundle_folder: Path) -> Callable[[], object]:
    from pigeonhole.bundle.session import runtime

    ort = runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = CORES if how == "own" else 1
    session = ort.InferenceSession(str(bundle_folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    images_NHWC = np.load(path, mmap_mode="r")

    def run(start: int) -> None:
        session.run(["probabilities"], {"images": images_NHWC[start : start + size]})

    def work() -> None:
        starts = range(0, len(images_NHWC), size)
        if how == "own":
            for start in starts:
                run(start)
            return
        with ThreadPoolExecutor(CORES) as pool:
            # A caller takes every so manieth piece, so that nothing waits in a queue.
            list(pool.map(lambda first: [run(start) for start in starts[first::CORES]], range(CORES)))

    return work


def report(rounds: list[dict[str, Figures]], count: int, model: str) -> None:
    print(f"{machine('onnxruntime', 'numpy', 'pyarrow')}; {model}; {count:,} images")
    print("| | images/s, median (range) | of the fastest alone | µs of processor an image | anonymous memory |")
    print("|---|---|---|---|---|")
    fastest = [max(row[name]["images_per_s"] for name in PEERS) for row in rounds]
    for name, told in NAMES.items():
        speeds = [row[name]["images_per_s"] for row in rounds]
        ratio = statistics.median(speed / best for speed, best in zip(speeds, fastest, strict=True))
        cpu = statistics.median(row[name]["cpu_us"] for row in rounds)
        memory = max(row[name]["anonymous_bytes"] for row in rounds) / 2**20
        print(
            f"| {told} | {statistics.median(speeds):,.0f} ({min(speeds):,.0f}–{max(speeds):,.0f}) | {ratio:.0%}"
            f" | {cpu:.1f} | {memory:,.0f} MiB |"
        )


if __name__ == "__main__":
    main()
