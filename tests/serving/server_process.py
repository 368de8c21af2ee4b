"""A real server process, started and ended by a test."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import contextmanager

import httpx


class Server:
    """A real server process on a free port, and a client to it."""

    def __init__(self, process, port, log_path):
        self.process, self.port, self.log_path = process, port, log_path
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)

    @property
    def log(self):
        return self.log_path.read_text()

    def score(self, data, **more):
        return self.client.post("/score", json={"data": data, **more})


ONE = {"bundle_folder": "bundle_folder", "model": "model", "deployment": "name", "threads": "threads"}


def of_bundle(config):
    """The same config with one deployment in the place of the keys that a server of one bundle is told by."""
    if "deployments" in config:
        return config
    one = {"name": "blue", "model": "", "traffic": 100} | {ONE[key]: config[key] for key in ONE if key in config}
    return {"deployments": [one]} | {key: value for key, value in config.items() if key not in ONE}


def start(folder, **config):
    """The process, the news it announced (or None), and its log."""
    read_end, write_end = os.pipe()
    path = folder / "config.json"
    path.write_text(json.dumps({"port": 0, "status_fd": write_end, **of_bundle(config)}))
    log_path = folder / "server.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pigeonhole.serving", str(path)],
            pass_fds=[write_end],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        readable, _, _ = select.select([pipe], [], [], 60)
        line = pipe.readline() if readable else ""
        while line and "loading" in json.loads(line):
            line = pipe.readline()
    return process, json.loads(line) if line else None, log_path


@contextmanager
def serving(folder, **config):
    folder.mkdir(exist_ok=True)
    process, news, log_path = start(folder, **config)
    try:
        assert news, log_path.read_text()
        assert news["ready"], news
        server = Server(process, news["port"], log_path)
        with server.client:
            yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


@contextmanager
def logging(folder, bundle, **config):
    """The server of an endpoint, with a prediction log beside it."""
    url = f"sqlite:///{folder / 'workspace.db'}"
    told = {"model": "bands:3", "endpoint": "bands", "database_url": url, **config}
    with serving(folder, bundle_folder=str(bundle.folder), **told) as server:
        yield server
