"""Our server beside others with the same ONNX file behind each: requests/s, latency, start, memory.

    PIGEONHOLE_DATA=FOLDER python benchmarks/serve.py --peers PYTHON [--rounds 3] [--seconds 10] [--only NAME …]

Each server has one worker on one core, and wrk (Debian's package) the other one, with 32 connections and one 28×28
image a request as JSON integers; a thousand different images go round, and every answer is checked. Ours runs as
`deploy` runs it: key, metrics, limits, and a prediction log of every image; `/metrics` is asked for every second.
`--peers` is a Python with benchmarks/serve_peers.txt installed. Results are kept in `.benchmarks/serve/`, a file a
server and round; servers take turns, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

import serve_load
import serve_servers
from measuring import Figures, kept, machine
from mnist_images import mnist
from pigeonhole import ImageClassifier
from pigeonhole.bundle import load
from serve_load import Form
from serve_ours import KEY, ours, start_s

FOLDER = Path(".benchmarks/serve").resolve()
IMAGES = 1000
SERVER_CORE, LOAD_CORE, PORT = 0, 1, 18080
OURS = "pigeonhole"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=Path(sys.executable), help="a Python with the peers installed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    names = [OURS, *(peer.name for peer in serve_servers.PEERS)]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    bundle = trained()
    for number in range(options.rounds):
        for name in options.only:
            kept(result(name, number), lambda name=name: measured(name, bundle, options))
    print(machine("onnxruntime", "uvicorn", "orjson"))
    for name in options.only:
        report(name, [kept(result(name, number), dict) for number in range(options.rounds)])
    return 0


def result(name: str, number: int) -> Path:
    return FOLDER / f"{name.replace(' ', '-')}-{number}.json"


def trained() -> Path:
    """The bundle of a small network; how well it was trained makes no difference here."""
    folder = FOLDER / "bundle"
    if not folder.is_dir():
        images_NHWC, labels_N = mnist("train")
        classifier = ImageClassifier("cnn-fast", random_state=0, image_shape=(28, 28, 1))
        rows_NP = images_NHWC.reshape(len(images_NHWC), -1)
        classifier.fit(rows_NP, labels_N).to_bundle(folder, rows_NP, labels_N)
    return folder


def forms(shape: tuple[int, ...]) -> dict[str, tuple[Form, int]]:
    """What is asked of our server: a form of requests, and from how many connections."""
    binary = Form(
        "binary tensor",
        serve_load.tensor(shape),
        path="/v2/models/digits/infer",
        content_type="application/octet-stream",
        label='"data":%["(.-)"%]',
    )
    return {
        "integers": (Form("integers", serve_load.integers), 32),
        "decimals": (Form("decimals", serve_load.decimals), 32),
        "binary tensor": (binary, 32),
        "one connection": (Form("one connection", serve_load.integers), 1),
        "512 images": (Form("512 images", serve_load.integers, images=512), 2),
    }


def measured(name: str, bundle: Path, options: argparse.Namespace) -> Figures:
    """One server under load."""
    print(f"{name}: measuring", file=sys.stderr, flush=True)
    images_NP, labels = images(bundle)

    def load_on(url: str, form: Form, connections: int, **headers: str) -> Figures:
        requests = FOLDER / f"requests-{form.name.replace(' ', '-')}.bin"
        if not requests.is_file():
            serve_load.write_requests(requests, form, images_NP, labels)
        how = {"connections": connections, "core": LOAD_CORE, "headers": headers}
        serve_load.load(url, form, requests, seconds=2, **how)
        return serve_load.load(url, form, requests, seconds=options.seconds, **how)

    if name == OURS:
        return measured_ours(bundle, load_on)
    which = next(peer for peer in serve_servers.PEERS if peer.name == name)
    write = serve_load.inputs if which.path == "/invocations" else serve_load.integers
    form = Form(f"{name} integers", write, path=which.path, label="" if name == "hello" else serve_load.LABEL)
    with serve_servers.peer(which, options.peers, bundle / "model.onnx", FOLDER, PORT, SERVER_CORE) as url:
        serve_servers.wait_for_answer(url + which.path, write(images_NP[:1])[0])
        return {"integers": load_on(url, form, 32)}


def measured_ours(bundle: Path, load_on: Any) -> Figures:
    shape = load(bundle).shape_HWC
    figures: Figures = {"start_s": [start_s(bundle, FOLDER, PORT, SERVER_CORE) for _ in range(3)]}
    with ours(bundle, FOLDER, PORT, SERVER_CORE) as server:
        for name, (form, connections) in forms(shape).items():
            figures[name] = load_on(server.url, form, connections, Authorization=f"Bearer {KEY}")
            figures[name] |= {"resident_bytes": server.resident_bytes(), **server.log_lag()}
    return figures


def images(bundle: Path) -> tuple[serve_load.Images, list[str]]:
    """A thousand training images (N, P), and what the bundle itself says that they are."""
    images_NHWC, _ = mnist("train")
    chosen_NHWC = images_NHWC[:: len(images_NHWC) // IMAGES][:IMAGES]
    loaded = load(bundle)
    classes_N = loaded.predict(chosen_NHWC).probs_NK.argmax(axis=1)
    return chosen_NHWC.reshape(len(chosen_NHWC), -1), [loaded.class_names[index] for index in classes_N]


def report(name: str, rounds: list[Figures]) -> None:
    """The medians of one server."""
    for form in [key for key in rounds[0] if key != "start_s"]:
        rows = [figures[form] for figures in rounds]
        middle = {key: statistics.median(row[key] for row in rows) for key in ("requests_per_s", "p50_ms", "p99_ms")}
        memory = [row["resident_bytes"] / 2**20 for row in rows if "resident_bytes" in row]
        words = [f"{name:<12} {form:<15} {middle['requests_per_s']:>8,.0f} req/s"]
        words += [f"p50 {middle['p50_ms']:>6.1f} ms", f"p99 {middle['p99_ms']:>6.1f} ms"]
        words += [f"{max(memory):.0f} MiB"] if memory else []
        if "log_behind" in rows[0]:
            words += [f"log behind by {max(row['log_behind'] for row in rows):,}"]
            words += [f"{max(row['log_dropped'] for row in rows):,} dropped"]
        print("  ".join(words), flush=True)
    if "start_s" in rounds[0]:
        starts = np.concatenate([figures["start_s"] for figures in rounds])
        print(f"{name:<12} first answer    {np.median(starts):.2f} s after process start, {starts.max():.2f} at most")


if __name__ == "__main__":
    sys.exit(main())
