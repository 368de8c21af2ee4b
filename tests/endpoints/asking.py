"""What the tests of this folder ask of endpoints: deployments, answers, states, and many answers at once."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import Counter

import httpx
import psutil

from pigeonhole import endpoints
from tests.bundle.tiny_onnx import band_images
from tests.endpoints.waiting import wait_for

ROWS = band_images(3)[0].reshape(3, -1).tolist()


def deploy(workspace, folder, model="bands:1", **options):
    return endpoints.deploy(
        workspace, **{"endpoint": "bands", "bundle_folder": folder, "model": model, "port": 0, "wait_s": 120, **options}
    )


def score(status, key=None, deployment=None):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    return httpx.post(f"{status.url}/score", json={"data": ROWS}, headers=headers, timeout=30)


def models_of(status, n=100):
    """How many of `n` answers each model gave. Every hundred answers of one process hold each share exactly."""
    with httpx.Client(timeout=30) as client:
        answers = [client.post(f"{status.url}/score", json={"data": ROWS}).json() for _ in range(n)]
    return Counter(answer["model"] for answer in answers)


def states(workspace, name="bands"):
    return [event["state"] for event in endpoints.events(workspace, name)]


def shares(status):
    return {each.name: (each.model, each.share, each.mirror) for each in status.deployments}


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Load:
    """Requests without a pause from several clients; half of them keep their connection, half make one each time."""

    def __init__(self, status, key=None, clients=4, images=3):
        self._url = f"{status.url}/score"
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._body = json.dumps({"data": [ROWS[index % 3] for index in range(images)]}).encode()
        self._headers["content-type"] = "application/json"
        self._done = threading.Event()
        self.answers = []
        self._threads = [threading.Thread(target=self._ask, args=(index % 2 == 0,)) for index in range(clients)]

    def _ask(self, keeps):
        limits = httpx.Limits(max_keepalive_connections=1 if keeps else 0)
        with httpx.Client(timeout=60, limits=limits) as client:
            while not self._done.is_set():
                try:
                    answer = client.post(self._url, content=self._body, headers=self._headers)
                    self.answers.append((answer.status_code, answer.json().get("model")))
                except httpx.HTTPError as error:
                    self.answers.append((repr(error), None))

    def go_on(self, n=20):
        """Waits for `n` more answers."""
        before = len(self.answers)
        wait_for(lambda: len(self.answers) >= before + n, "answers")

    @property
    def lost(self):
        return [answer for answer in self.answers if answer[0] != 200]

    @property
    def models(self):
        return {model for _, model in self.answers}


@contextlib.contextmanager
def under_load(status, **options):
    load = Load(status, **options)
    for thread in load._threads:
        thread.start()
    try:
        load.go_on()
        yield load
        load.go_on()
    finally:
        load._done.set()
        for thread in load._threads:
            thread.join()
