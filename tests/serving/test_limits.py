"""Azure's `request_settings` of one deployment: how many may wait, how long for their turn, and how long in all."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading

import numpy as np
import pytest

from pigeonhole.core.errors import UsageError
from pigeonhole.serving.app import App
from pigeonhole.serving.config import ServedDeployment, ServingConfig
from pigeonhole.serving.deployed import Deployed
from pigeonhole.serving.limits import Limits
from tests.bundle.tiny_onnx import band_images
from tests.serving.in_process import asking
from tests.serving.test_connection import request

ROWS = band_images(1)[0].reshape(1, -1).tolist()


@pytest.fixture
def gate():
    """Opened, it lets the model end."""
    opened = threading.Event()
    yield opened
    opened.set()


def limited(bundle, gate, **settings):
    told = ServedDeployment("blue", "bands:3", bundle.folder, 100, limits=Limits.of(settings))
    config = ServingConfig((told,), endpoint="bands")
    deployed = Deployed(told, bundle, None, 1.0, config)  # so slow that it runs beside the loop

    def run(images_NHWC):
        assert gate.wait(60)
        return np.full((len(images_NHWC), len(bundle.class_names)), 1 / len(bundle.class_names), np.float32)

    deployed.batcher._run = run
    app = App(config, [deployed], "test")
    app.pages.ready = True
    return app, deployed.batcher


def post(client):
    return asyncio.create_task(client.post("/score", json={"data": ROWS}))


def posted(client):
    """A request on a connection of its own, which the call of what is returned resets."""
    connection = socket.create_connection(("127.0.0.1", client.base_url.port))
    # A close alone might mean that nothing more is asked, and the answer still read.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sendall(request(json.dumps({"data": ROWS}).encode()))
    return connection.close


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


def test_twice_as_many_as_may_run_may_wait(tiny, gate):
    app, batcher = limited(tiny, gate, max_concurrent_requests_per_instance=2)

    async def scenario(client):
        taken = []
        for number in range(1, 5):
            taken.append(post(client))
            await until(lambda number=number: batcher.requests == number)
        refused = await client.post("/score", json={"data": ROWS})
        gate.set()
        return refused, [(await answer).status_code for answer in taken]

    refused, answered = asking(app, scenario)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error_code"] == "too_many_waiting"
    assert answered == [200] * 4


def test_who_waits_too_long_for_a_turn_is_refused(tiny, gate):
    app, batcher = limited(tiny, gate, max_queue_wait_ms=20)

    async def scenario(client):
        first = post(client)
        await until(lambda: batcher.requests == 1 and not batcher._queue)
        late = [post(client), post(client)]
        await until(lambda: len(batcher._queue) == 2)
        await asyncio.sleep(0.05)
        gate.set()
        answers = [await first, *[await each for each in late]]
        answers.append(await client.post("/score", json={"data": ROWS}))
        return answers

    answers = asking(app, scenario)
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].json()["error_code"] == "waited_too_long"
    assert answers[1].headers["retry-after"] == "1"
    assert (batcher.waiting, batcher.requests) == (0, 0)
    # A sum that a negative wait had made fall, Prometheus would take for a server that was started again.
    assert app.scorer.router.choose({}).metrics.queue_wait.total >= 2 * 0.02


def test_a_client_that_has_gone_leaves_its_place_in_the_queue(tiny, gate):
    app, batcher = limited(tiny, gate, max_concurrent_requests_per_instance=1)

    async def scenario(client):
        first = post(client)
        await until(lambda: batcher.requests == 1 and not batcher._queue)
        reset = posted(client)
        await until(lambda: batcher.requests == 2)
        reset()
        await until(lambda: batcher.requests == 1)
        second = post(client)
        await until(lambda: batcher.requests == 2)
        gate.set()
        return (await first).status_code, (await second).status_code

    assert asking(app, scenario) == (200, 200)
    assert not app.scorer.under_way
    metrics = app.scorer.router.choose({}).metrics
    assert metrics.answered == {("/score", 200): 2, ("/score", 499): 1}
    assert metrics.errors == {"client_gone": 1}


def test_a_client_that_goes_while_the_model_runs_is_counted_as_answered(tiny, gate):
    app, batcher = limited(tiny, gate)

    async def scenario(client):
        reset = posted(client)
        await until(lambda: batcher.requests == 1 and not batcher._queue)
        reset()
        await client.get("/ping")  # told of by the same event loop, after that
        gate.set()
        return (await client.post("/score", json={"data": ROWS})).status_code

    assert asking(app, scenario) == 200
    assert app.scorer.router.choose({}).metrics.answered == {("/score", 200): 2}


def test_what_takes_longer_than_a_deployment_allows_gets_408(tiny, gate):
    app, _ = limited(tiny, gate, request_timeout_ms=50)

    async def scenario(client):
        late = await client.post("/score", json={"data": ROWS})
        gate.set()
        return late

    late = asking(app, scenario)
    assert (late.status_code, late.json()["error_code"]) == (408, "request_timeout")
    assert "longer than 50 ms" in late.json()["message"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"request_timeout_ms": 180_001}, "not a whole number from 1 to 180,000"),
        ({"request_timeout_ms": True}, "'True'"),
        ({"max_concurrent_requests_per_instance": 0}, "from 1 to 100,000"),
        ({"max_concurrent_requests": 1}, "did you mean 'max_concurrent_requests_per_instance'"),
    ],
)
def test_unfit_settings_are_named(settings, told):
    with pytest.raises(UsageError, match=told):
        Limits.of(settings)


def test_limits_written_are_the_limits_read(tmp_path):
    told = ServedDeployment(
        "blue", "bands:3", tmp_path, 100, limits=Limits.of({"max_queue_wait_ms": 5}, {"days": 1.5, "max_mib": 10})
    )
    (tmp_path / "config.json").write_text(ServingConfig((told,)).to_json())
    assert ServingConfig.read(tmp_path / "config.json").deployments == (told,)
