"""Our server for serve.py, with all that an endpoint has: key, prediction log, metrics, limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from pigeonhole.bundle import load
from pigeonhole.core.workspace import Workspace
from pigeonhole.serving import ServingConfig, hash_key
from serve_servers import ended

KEY = "a-key-for-the-benchmark"


@dataclass(frozen=True)
class Running:
    """Our server, answering.

    Attributes:
        url: where.
        process: it.
    """

    url: str
    process: subprocess.Popen[bytes]

    def log_lag(self) -> dict[str, int]:
        """How many answers are not in the prediction log yet, and how many never will be."""
        request = urllib.request.Request(f"{self.url}/metrics", headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            lines = [line.rsplit(" ", 1) for line in reply.read().decode().splitlines()]

        def total(beginning: str) -> int:
            return sum(int(float(value)) for name, value in lines if name.startswith(beginning))

        dropped = total("pigeonhole_prediction_log_dropped_total")
        answered = total('pigeonhole_requests_total{deployment="blue"')
        written = total("pigeonhole_prediction_log_written_total")
        return {"log_behind": answered - written - dropped, "log_dropped": dropped}

    def resident_bytes(self) -> int:
        """Its memory."""
        return int(psutil.Process(self.process.pid).memory_info().rss)


@contextmanager
def ours(bundle: Path, folder: Path, port: int, core: int, *, log: bool = True) -> Iterator[Running]:
    """The server on one core, and `/metrics` asked for every second."""
    with started(bundle, folder, port, core, log=log) as process:
        running = Running(f"http://127.0.0.1:{port}", process)
        first_answer(running.url, bundle)
        over = threading.Event()
        scraper = threading.Thread(target=scrape, args=(running.url, over), daemon=True)
        scraper.start()
        yield running
        over.set()
        scraper.join()


@contextmanager
def started(bundle: Path, folder: Path, port: int, core: int, *, log: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """The process, whether it answers yet or not; with or without its prediction log."""
    workspace = Workspace(folder / "serving-workspace")
    config = ServingConfig.of_bundle(
        bundle,
        model="digits",
        endpoint="digits",
        database_url=workspace.database_url if log else None,
        port=port,
        key_hashes=(hash_key(KEY),),
    )
    path = folder / "ours.json"
    path.write_text(config.to_json())
    command = ["taskset", "-c", str(core), sys.executable, "-P", "-m", "pigeonhole.serving", str(path)]
    with (folder / "ours.log").open("ab") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True, env=os.environ)
    with ended(process):
        yield process


def start_s(bundle: Path, folder: Path, port: int, core: int) -> float:
    """Seconds from the start of the process to its first correct answer."""
    began = time.perf_counter()
    with started(bundle, folder, port, core):
        first_answer(f"http://127.0.0.1:{port}", bundle)
        return time.perf_counter() - began


def first_answer(url: str, bundle: Path) -> None:
    """Asks until an answer comes, which has to be right.

    Raises:
        ChildProcessError: none came within half a minute, or a wrong one.
    """
    loaded = _loaded(bundle)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        request = urllib.request.Request(
            f"{url}/score", loaded[0], {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                label = json.load(reply)["predictions"][0]["label"]
        except OSError:
            time.sleep(0.005)
            continue
        if label != loaded[1]:
            raise ChildProcessError(f"{label} instead of {loaded[1]}")
        return
    raise ChildProcessError(f"no answer from {url}")


_LOADED: dict[Path, tuple[bytes, str]] = {}


def _loaded(bundle: Path) -> tuple[bytes, str]:
    """A request, and the label that belongs to it."""
    if bundle not in _LOADED:
        opened = load(bundle)
        image_NHWC = opened.probe_images_NHWC[:1]
        label = opened.class_names[int(opened.predict(image_NHWC).probs_NK.argmax())]
        _LOADED[bundle] = json.dumps({"data": image_NHWC.reshape(1, -1).tolist()}).encode(), label
    return _LOADED[bundle]


def scrape(url: str, over: threading.Event) -> None:
    """Asks for the metrics every second."""
    request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {KEY}"})
    while not over.wait(1):
        with urllib.request.urlopen(request, timeout=30) as reply:
            reply.read()
