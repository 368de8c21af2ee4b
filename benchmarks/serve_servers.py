"""How each server is started: ours as `deploy` starts it, and each peer with the fast settings of its documentation."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent / "serve_peers"
PATIENCE_S = 120


@dataclass(frozen=True)
class Peer:
    """One of the servers that we measure beside.

    Attributes:
        name: for the table.
        command: what starts it, below the environment of the peers; `{port}` and `{folder}` are filled in.
        before: what has to be run once before.
        path: where it answers.
        elsewhere: requests/s that the same test gave on another machine.
        environment: further variables.
    """

    name: str
    command: Sequence[str]
    before: Sequence[str] = ()
    path: str = "/score"
    elsewhere: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


UVICORN = ["python", "-m", "uvicorn", "--port", "{port}", "--no-access-log", "--log-level", "warning"]
UVICORN += ["--loop", "uvloop", "--http", "httptools"]
AZURE = ["azmlinfsrv", "--entry_script", "azure/score.py", "--port", "{port}", "--worker_count", "1"]
MLFLOW = ["mlflow", "models", "serve", "--model-uri", "{folder}/mlflow", "--env-manager", "local", "--port", "{port}"]
BENTO = ["bentoml", "serve", "bentoml_app:Digits", "--port", "{port}", "--host", "127.0.0.1"]
PEERS = (
    Peer("hello", [*UVICORN, "hello:app"], elsewhere=41_900),
    Peer("raw ASGI", [*UVICORN, "raw_asgi:app"], elsewhere=9_600),
    Peer("FastAPI", [*UVICORN, "fastapi_app:app"], elsewhere=2_330),
    Peer("azmlinfsrv", AZURE, elsewhere=1_690, environment={"AZUREML_LOG_LEVEL": "WARNING"}),
    Peer("LitServe", ["python", "litserve_app.py"], elsewhere=1_260),
    Peer("BentoML", BENTO, elsewhere=930, environment={"BENTOML_DO_NOT_TRACK": "True"}),
    Peer(
        "MLflow",
        [*MLFLOW, "--workers", "1"],
        before=["python", "mlflow_model.py", "{folder}/mlflow"],
        path="/invocations",
        elsewhere=535,
    ),
    Peer(
        "Ray Serve",
        ["python", "ray_app.py"],
        elsewhere=360,
        environment={
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",
            "RAY_raylet_start_wait_time_s": "100",
        },
    ),
)


@contextmanager
def peer(which: Peer, python: Path, model: Path, folder: Path, port: int, core: int) -> Iterator[str]:
    """A peer that answers, on one core; its URL."""
    scripts = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(HERE)}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **scripts, **threads, "MODEL": str(model), "PORT": str(port), **which.environment}
    places = {"port": port, "folder": folder}
    if which.before and not (folder / "mlflow").exists():
        subprocess.run([word.format(**places) for word in which.before], cwd=HERE, env=environment, check=True)
    with (folder / f"{which.name.replace(' ', '-')}.log").open("wb") as log:
        command = ["taskset", "-c", str(core), *(word.format(**places) for word in which.command)]
        process = subprocess.Popen(command, cwd=HERE, env=environment, stdout=log, stderr=log, start_new_session=True)
    with ended(process):
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process)
        yield url
    wait_until_free(port)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ends the process and all that it started."""
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(15)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Returns once the server answers at all.

    Raises:
        ChildProcessError: it ended, or took longer than two minutes.
    """
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ChildProcessError(f"no server at {url}: exit code {process.poll()}; its log is in the folder of results")


def wait_for_answer(url: str, body: bytes) -> None:
    """Returns once a request is answered: Ray Serve answers 404 until its application has come.

    Raises:
        ChildProcessError: it was refused for two minutes.
    """
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise ChildProcessError(f"no right answer from {url}; its log is in the folder of results")


def wait_until_free(port: int) -> None:
    """Returns once nobody answers at the port any more: Ray's processes outlive the one that was started.

    Raises:
        ChildProcessError: somebody still does after two minutes.
    """
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            return
        time.sleep(0.2)
    raise ChildProcessError(f"port {port} is still taken by a server that was ended")


def python() -> Path:
    """The Python that runs this."""
    return Path(sys.executable)
