"""A million requests with faults all the time: every right answer checked, others served on, nothing leaks.

    python benchmarks/soak.py [--requests 1000000] [--bundle FOLDER] [--growth-mib 25]

Images as integers, decimals, binary tensors and PNG files, sent together in tens over a few connections; beside them
the faults of soak_faults.py one after the other, a thousand connections at once among them. At the end the server has
to be the same process, hold as many files as before, and little more memory. Exit code 1 where it does not.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

import serve_load
from pigeonhole.bundle import Bundle, load
from pigeonhole.core.workspace import Workspace
from pigeonhole.serving import ServingConfig, hash_key
from soak_faults import FAULTS, TIMEOUT_S, Fault, Place, connect, many_connections, request, slow_client

KEY = "a-key-for-the-soak"
TOGETHER, CONNECTIONS, IMAGES = 10, 4, 200
REQUEST_TIMEOUT_S, MAX_BODY_BYTES = 2.0, 1 << 20
WARM = 0.1
# The prediction log opens its database's files with the first block.
FILES_MORE = 4
Sent = list[tuple[bytes, bytes]]


@dataclass
class Outcome:
    """What was seen.

    Attributes:
        right: answers that were as they had to be.
        faults: how often each was done.
        wrong: what was not as it had to be.
        start_mib: the server's memory after a tenth of the requests …
        end_mib: … and at the end.
        start_files: its open files before the load …
        end_files: … and at the end.
        seconds: the whole took.
    """

    right: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    start_mib: float = 0.0
    end_mib: float = 0.0
    start_files: int = 0
    end_files: int = 0
    seconds: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--bundle", type=Path, help="default: that of serve.py, trained if need be")
    parser.add_argument("--growth-mib", type=float, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(options.bundle or _trained(), Path(folder), options.requests)
    print(table(found))
    problems = list(found.wrong)
    if found.end_mib - found.start_mib > options.growth_mib:
        problems.append(f"memory grew by more than {options.growth_mib:g} MiB")
    if found.end_files > found.start_files + FILES_MORE:
        problems.append("files stayed open")
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _trained() -> Path:
    from serve import trained

    return trained()


def table(found: Outcome) -> str:
    """For RECORDS.md."""
    faults = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in sorted(found.faults.items()))
    return "\n".join(
        [
            "| what | seen |",
            "|---|---|",
            f"| right answers, all checked | {found.right:,} in {found.seconds:.0f} s |",
            f"| faults beside them | {sum(found.faults.values()):,}: {faults} |",
            f"| memory after a tenth, at the end | {found.start_mib:.0f} MiB, {found.end_mib:.0f} MiB |",
            f"| open files before, at the end | {found.start_files}, {found.end_files} |",
            f"| wrong | {len(found.wrong)} |",
        ]
    )


def soak(bundle: Path, folder: Path, requests: int, connections: int = 1000) -> Outcome:
    """Does it all with a server of its own.

    Args:
        bundle: what is served.
        folder: for the server's files.
        requests: right ones.
        connections: how many at once, as far as this process may open files.
    """
    opened = load(bundle)
    found = Outcome()
    config = ServingConfig.of_bundle(
        bundle,
        model="digits",
        endpoint="digits",
        database_url=Workspace(folder / "workspace").database_url,
        port=_free_port(),
        key_hashes=(hash_key(KEY),),
        request_timeout_s=REQUEST_TIMEOUT_S,
        max_body_bytes=MAX_BODY_BYTES,
    )
    (folder / "soak.json").write_text(config.to_json())
    with (folder / "soak.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pigeonhole.serving", str(folder / "soak.json")], stdout=log, stderr=log
        )
    try:
        _until_it_answers(process, config.port)
        _drive(found, psutil.Process(process.pid), config.port, opened, requests, connections)
        if process.poll() is not None:
            found.wrong.append(f"the server ended with {process.returncode}")
        if "Traceback" in (text := (folder / "soak.log").read_text()):
            found.wrong.append(f"a traceback in the server's log: {text[-2000:]}")
    finally:
        process.terminate()
        process.wait(60)
    return found


def _drive(found: Outcome, server: psutil.Process, port: int, bundle: Bundle, requests: int, connections: int) -> None:
    began = time.perf_counter()
    sent = _requests(bundle)
    found.start_files = server.num_fds()
    place = Place(port, KEY, int(np.prod(bundle.shape_HWC)), MAX_BODY_BYTES)
    over = threading.Event()
    # Who waits for the server to lose its patience must not keep the others from their harm.
    quick = [fault for fault in FAULTS if fault is not slow_client]
    harms = [
        threading.Thread(target=_harm, args=(found, place, over, connections, faults))
        for faults in (quick, [slow_client])
    ]
    for harm in harms:
        harm.start()
    try:
        _load(found, port, sent, max(TOGETHER, int(requests * WARM)))
        found.start_mib = server.memory_info().rss / (1 << 20)
        _load(found, port, sent, requests - found.right)
    finally:
        over.set()
        for harm in harms:
            harm.join()
    end = time.perf_counter() + TIMEOUT_S
    while server.num_fds() > found.start_files + FILES_MORE and time.perf_counter() < end:
        time.sleep(0.05)
    found.end_mib, found.end_files = server.memory_info().rss / (1 << 20), server.num_fds()
    found.seconds = time.perf_counter() - began


def _requests(bundle: Bundle) -> Sent:
    """Requests of all kinds, each with the text that its answer has to hold."""
    size = int(np.prod(bundle.shape_HWC))
    rng = np.random.default_rng(0)
    images_NP = (rng.integers(0, 256, (IMAGES, size)) * (rng.random((IMAGES, size)) < 0.4)).astype(np.uint8)
    images_NP[:, 0] = 200  # integers of 0 and 1 alone would be ambiguous
    labels = bundle.labels(bundle.predict(images_NP.reshape(-1, *bundle.shape_HWC)).probs_NK)
    tensor = serve_load.tensor(bundle.shape_HWC)
    sent = []
    for image_P, label in zip(images_NP, labels, strict=True):
        answer = f'"label":"{label}"'.encode()
        body, head = tensor(image_P[None])
        more = f"inference-header-content-length: {head}\r\n"
        sent += [
            (request(serve_load.integers(image_P[None])[0], KEY), answer),
            (request(serve_load.decimals(image_P[None])[0], KEY), answer),
            (request(body, KEY, "/v2/models/digits/infer", more), f'"data":["{label}"]'.encode()),
            (request(_png(image_P.reshape(bundle.shape_HWC)), KEY, kind="image/png"), answer),
        ]
    return sent


def _png(image_HWC: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image_HWC[..., 0] if image_HWC.shape[2] == 1 else image_HWC).save(file, "PNG")
    return file.getvalue()


def _load(found: Outcome, port: int, sent: Sent, requests: int) -> None:
    each = -(-requests // CONNECTIONS)
    right = [0] * CONNECTIONS
    threads = [
        threading.Thread(target=_ask, args=(found, port, sent, each, right, index)) for index in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.right += sum(right)


def _ask(found: Outcome, port: int, sent: Sent, n: int, right: list[int], index: int) -> None:
    place = index * 97
    with connect(port) as connection, connection.makefile("rb") as answers:
        for start in range(0, n, TOGETHER):
            batch = [sent[(place + step) % len(sent)] for step in range(min(TOGETHER, n - start))]
            place += len(batch)
            connection.sendall(b"".join([data for data, _ in batch]))
            for _, wanted in batch:
                status, body = _answer(answers)
                if status != b"200" or wanted not in body:
                    found.wrong.append(f"{status!r} {body[:200]!r} where {wanted!r} was wanted")
                    return
                right[index] += 1


def _answer(answers: io.BufferedReader) -> tuple[bytes, bytes]:
    status, length = answers.readline()[9:12], 0
    while (line := answers.readline()) not in (b"\r\n", b""):
        if line.startswith(b"content-length:"):
            length = int(line[15:])
    return status, answers.read(length)


def _harm(found: Outcome, place: Place, over: threading.Event, connections: int, faults: Sequence[Fault]) -> None:
    luck = random.Random(0)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100
    n = min(connections, allowed)
    while True:
        for fault in faults:
            try:
                status = fault(place, luck, n) if fault is many_connections else fault(place, luck)
            except OSError as error:
                status = repr(error)
            found.faults[fault.__name__ if fault is not many_connections else f"{n:,} connections"] += 1
            if status not in FAULTS[fault]:
                found.wrong.append(f"{fault.__name__} was told {status}, not {' or '.join(sorted(FAULTS[fault]))}")
        if over.is_set():
            return


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.perf_counter() + TIMEOUT_S
    while time.perf_counter() < end and process.poll() is None:
        try:
            # It may listen long before it answers.
            with connect(port) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            time.sleep(0.02)
    raise ChildProcessError("the server did not start")


if __name__ == "__main__":
    sys.exit(main())
