"""What a request costs the processor with one worker and with two, behind one deployed endpoint.

    PIGEONHOLE_DATA=FOLDER python benchmarks/serve_workers.py [--rounds 3] [--seconds 8] [--threads 1|32]

The endpoint is deployed as a user deploys it, with its key, prediction log and limits; wrk asks from 32 connections,
one 28×28 image a request, every answer checked: as one of those that are due, or with `--threads 32`, a thread for
each connection, as the one that is. The processor time is that of the server processes, from the kernel's
books; workers and load share the machine's cores. Goal: two workers cost at most 1.1 times what one costs.

The load's own turns are part of this: 32 threads that each wake for an answer take a core from the worker beside them
once a request, where one thread takes it once for many answers. A single worker has a core for itself, and one of two
shares its core with the load: so what a single one costs on the load's core is measured too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

import serve_load
from measuring import Figures, machine, pigeonhole
from pigeonhole.bundle import load
from serve import FOLDER, LOAD_CORE, images, trained
from serve_load import Form
from serve_ours import KEY

PORT = 18085
CONNECTIONS = 32
GOAL = 1.1
# How many workers, and whether they are held to the load's core.
KINDS = {"one": (1, False), "one, on the load's core": (1, True), "two": (2, False)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--threads", type=int, choices=(1, CONNECTIONS), default=1, help="of the load")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    bundle = trained()
    taken: dict[str, list[Figures]] = {kind: [] for kind in KINDS}
    confidences = FOLDER / "confidences.txt" if options.threads == 1 else None
    if confidences:
        chosen_NP, _ = images(bundle)
        chosen_NHWC = chosen_NP.reshape(-1, *load(bundle).shape_HWC)
        serve_load.write_confidences(confidences, load(bundle).predict(chosen_NHWC).probs_NK)
    with deployed(bundle) as workspace:
        for _ in range(options.rounds):
            for kind, figures in taken.items():
                figures.append(measured(bundle, workspace, *KINDS[kind], options.seconds, confidences))
    return report(taken)


@contextmanager
def deployed(bundle: Path) -> Iterator[list[str]]:
    """The endpoint, and the arguments that name its workspace."""
    workspace = ["--workspace", str(FOLDER / "workers-workspace")]
    pigeonhole("deploy", str(bundle), "--endpoint", "digits", "--port", str(PORT), "--key", KEY, *workspace)
    try:
        yield workspace
    finally:
        pigeonhole("endpoints", "stop", "digits", *workspace)


def measured(
    bundle: Path,
    workspace: list[str],
    workers: int,
    on_load_core: bool,
    seconds: float,
    confidences: Path | None,
) -> Figures:
    """Load on so many workers."""
    pigeonhole("endpoints", "update", "digits", "--workers", str(workers), *workspace)
    form = Form("integers", serve_load.integers)
    requests = FOLDER / "requests-integers.bin"
    if not requests.is_file():
        serve_load.write_requests(requests, form, *images(bundle))
    how = {"connections": CONNECTIONS, "core": LOAD_CORE, "headers": {"Authorization": f"Bearer {KEY}"}}
    how["confidences"] = confidences
    url = f"http://127.0.0.1:{PORT}"
    serve_load.load(url, form, requests, seconds=2, **how)
    status = pigeonhole("endpoints", "show", "digits", *workspace)
    servers = [process for process in map(psutil.Process, status["pids"]) if "pigeonhole.serving" in process.cmdline()]
    if len(servers) != workers:
        raise ChildProcessError(f"{len(servers)} server processes, {workers} wanted")
    hold(servers, {LOAD_CORE} if on_load_core else os.sched_getaffinity(0))
    before = [used_s(server) for server in servers]
    figures = serve_load.load(url, form, requests, seconds=seconds, **how)
    used = [used_s(server) - earlier for server, earlier in zip(servers, before, strict=True)]
    return {**figures, "us_per_request": 1e6 * sum(used) / figures["requests"], "shares": [u / sum(used) for u in used]}


def hold(servers: list[psutil.Process], cores: set[int]) -> None:
    """Keeps all threads of the processes to these cores."""
    for server in servers:
        for thread in server.threads():
            os.sched_setaffinity(thread.id, cores)


def used_s(process: psutil.Process) -> float:
    """The processor time of a process and its threads."""
    times = process.cpu_times()
    return float(times.user + times.system)


def report(taken: dict[str, list[Figures]]) -> int:
    """Prints the medians; 1 if the goal is missed."""
    print(machine("onnxruntime"))
    for kind, rounds in taken.items():
        cost = statistics.median(figures["us_per_request"] for figures in rounds)
        rate = statistics.median(figures["requests_per_s"] for figures in rounds)
        shares = " and ".join(f"{share:.0%}" for share in rounds[-1]["shares"])
        print(f"{kind}: {cost:.1f} µs of processor time a request, {rate:,.0f} req/s, shares {shares}")
    ratios = {kind: ratio(taken["two"], taken[kind]) for kind in list(KINDS)[:2]}
    for kind, times in ratios.items():
        print(f"two cost {times:.2f} times what {kind} costs")
    print(f"goal: at most {GOAL} times what one costs")
    return int(ratios["one"] > GOAL)


def ratio(two: list[Figures], one: list[Figures]) -> float:
    """The median over rounds."""
    return statistics.median(a["us_per_request"] / b["us_per_request"] for a, b in zip(two, one, strict=True))


if __name__ == "__main__":
    sys.exit(main())
