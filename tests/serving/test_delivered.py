"""A batch is counted and logged at once, and holds exactly those of its requests that were answered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from pigeonhole.serving.batch import Batcher
from tests.serving.in_process import running

SHAPE = (1, 2, 1)


def run(images_NHWC):
    return np.repeat(images_NHWC.reshape(len(images_NHWC), -1)[:, :1].astype(np.float32), 3, axis=1)


def test_a_batch_is_told_once_with_all_its_images():
    told = []

    async def scenario():
        batcher = Batcher(run, SHAPE, 100, delivered=lambda n, pixels, probs: told.append((n, pixels, probs.shape)))
        await asyncio.gather(batcher.submit(b"\x01\x02", 1), batcher.submit(b"\x03\x04\x05\x06", 2))
        await batcher.submit(b"\x07\x08", 1)

    asyncio.run(scenario())
    assert told == [(2, b"\x01\x02\x03\x04\x05\x06", (3, 3)), (1, b"\x07\x08", (1, 3))]


@pytest.mark.parametrize("alone", [False, True])
def test_who_is_told_of_a_batch_cannot_stop_the_next_one(alone):
    def broken(*_):
        raise RuntimeError("full")

    async def scenario():
        batcher = Batcher(run, SHAPE, 100, delivered=broken)
        batcher.is_alone = lambda: alone
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        first = await batcher.submit(b"\x01\x02", 1)
        return first, await batcher.submit(b"\x09\x02", 1)

    first, second = asyncio.run(scenario())
    assert (first[0, 0], second[0, 0]) == (1, 9)


def test_only_one_connection_is_alone(tiny):
    app, connections = running(tiny), {"one"}
    batcher = app.scorer.router.choose({}).batcher
    assert not batcher.is_alone(), "a server that does not tell who is there"
    app.scorer.attend(connections)
    assert batcher.is_alone()
    connections.add("another")
    assert not batcher.is_alone()


def test_a_request_whose_time_was_over_is_not_logged_with_its_batch(tiny):
    logged = []
    app = running(tiny)
    deployed = app.scorer.router.choose({})
    deployed.log = SimpleNamespace(add_together=logged.append)
    probs_NK = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    deployed.answered.append(("test-2", 1.0, 0.5, 1, b"\x03\x04", probs_NK[1:]))
    deployed._delivered(2, b"\x01\x02\x03\x04", probs_NK)
    (entries,) = logged
    assert (entries.request_ids, entries.counts, entries.pixels) == (("test-2",), (1,), b"\x03\x04")
    assert entries.probs_NK.tolist() == [[0, 1, 0]]
    deployed._delivered(1, b"\x05\x06", probs_NK[:1])
    assert len(logged) == 1
