"""What the prediction log costs a server: processor time of the writing thread for each request, and throughput.

    python benchmarks/prediction_log.py [--requests 30000] [--rounds 3] [--images 1] [--database URL] [--json FILE]

In one process, on one core: a loop that does what one request costs a server (a message through a socket, a JSON
body of 784 numbers parsed, some 50 µs) hands each request to the log, as the server does. Rounds without a log, with
one that keeps figures only, and with one that keeps the images take turns. «writer» is the processor time of the log's
thread, SQLite's included; «adding» is what handing over costs the loop; «share» is what the log takes of the
throughput of a server at 10,000 requests a second on that core.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

# Before numpy: as a server process does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from pigeonhole.core.files import write_json
from pigeonhole.predictions import Entry, PredictionLog

SHAPE_HWC = (28, 28, 1)
CLASSES = tuple("0123456789")
KINDS = {"none": None, "figures": False, "images": True}
RATE = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=1, help="images a request")
    parser.add_argument("--database", help="another database than a SQLite file made for this")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for _ in range(options.rounds):
        for kind, log_images in KINDS.items():
            rounds[kind].append(measured(options, log_images))
    figures = {
        kind: {name: statistics.median(row[name] for row in rows) for name in rows[0]} for kind, rows in rounds.items()
    }
    show(figures)
    if options.json:
        write_json(options.json, {"options": {"requests": options.requests, "images": options.images}, **figures})


def measured(options: argparse.Namespace, log_images: bool | None) -> dict[str, float]:
    """One round: µs a request of the loop, of the writer, and of everything on the clock; bytes on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        log = None
        if log_images is not None:
            url = options.database or f"sqlite:///{folder}/workspace.db"
            log = opened(url, log_images)
        loop_s, wall_s, writer_s = loop(log, options.requests, options.images)
        lost = 0
        if log is not None:
            lost = log.dropped
            log.close()
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    per = 1e6 / options.requests
    return {
        "loop_us": loop_s * per,
        "writer_us": writer_s * per,
        "wall_us": wall_s * per,
        "bytes": size / options.requests,
        "lost": lost,
    }


def opened(url: str, log_images: bool) -> PredictionLog:
    return PredictionLog(
        url,
        "digits",
        deployment="blue",
        model="digits:1",
        bundle_sha256="0" * 64,
        class_names=CLASSES,
        shape_HWC=SHAPE_HWC,
        log_images=log_images,
    )


def loop(log: PredictionLog | None, requests: int, images: int) -> tuple[float, float, float]:
    """Processor seconds of this thread, seconds on the clock until all is written, processor seconds of the writer."""
    generator = np.random.default_rng(0)
    pixels = [generator.integers(0, 256, images * 784).astype(np.uint8).tobytes() for _ in range(1000)]
    probs_NK = generator.random((32 * images, len(CLASSES))).astype(np.float32)
    body = json.dumps({"images": list(pixels[0][:784])})
    one, other = socket.socketpair()
    clock = time.pthread_getcpuclockid(log._thread.ident) if log else None
    writer_s = time.clock_gettime(clock) if clock else 0.0
    wall_s, loop_s = time.perf_counter(), time.thread_time()
    for number in range(requests):
        one.send(b"request")
        other.recv(64)
        json.loads(body)
        request_id = f"{log.source if log else 'none'}-{number:x}"
        row = number % 32 * images
        entry = Entry(
            request_id, time.time(), 1.0, 200, None, images, pixels[number % 1000], probs_NK[row : row + images]
        )
        if log is not None:
            log.add(entry)
    loop_s = time.thread_time() - loop_s
    if log is not None:
        log.flush()
    writer_s = (time.clock_gettime(clock) if clock else 0.0) - writer_s
    return loop_s, time.perf_counter() - wall_s, writer_s


def show(figures: dict[str, dict[str, float]]) -> None:
    base = figures["none"]["loop_us"]
    for kind, row in figures.items():
        adding = row["loop_us"] - base
        share = (adding + row["writer_us"]) * RATE / 1e6
        print(
            f"{kind:8} loop {row['loop_us']:6.1f} µs  adding {adding:5.1f} µs  writer {row['writer_us']:5.1f} µs"
            f"  share {share:6.1%}  clock {row['wall_us']:6.1f} µs  {row['bytes']:7.0f} bytes  lost {row['lost']:.0f}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB, Python {sys.version.split()[0]}, sqlite {__import__('sqlite3').sqlite_version}")


if __name__ == "__main__":
    main()
