from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from pigeonhole.serving import batch
from pigeonhole.serving.batch import Batcher

SHAPE = (2, 2, 1)


class Model:
    """Probabilities are the first two pixels, so that mixed-up rows show; remembers its batches."""

    def __init__(self):
        self.sizes, self.threads = [], []
        self.fail = False

    def __call__(self, images_NHWC):
        self.sizes.append(len(images_NHWC))
        self.threads.append(threading.current_thread() is threading.main_thread())
        if self.fail:
            raise RuntimeError("the model broke")
        return images_NHWC.reshape(len(images_NHWC), 4)[:, :2].astype(np.float32)


def pixels(*values):
    return bytes(number for value in values for number in (value, value + 1, 0, 0))


def run(scenario):
    asyncio.run(scenario)


def test_what_one_turn_submits_is_one_batch_and_everyone_gets_their_rows():
    model = Model()

    async def scenario():
        batcher = Batcher(model, SHAPE, 100)
        answers = await asyncio.gather(
            batcher.submit(pixels(1), 1), batcher.submit(pixels(2, 3), 2), batcher.submit(pixels(4), 1)
        )
        assert [answer.tolist() for answer in answers] == [[[1, 2]], [[2, 3], [3, 4]], [[4, 5]]]
        assert (batcher.sizes.total, sum(batcher.sizes.counts), batcher.waiting) == (4, 1, 0)

    run(scenario())
    assert model.sizes == [4]


def test_a_lone_request_runs_at_once_and_by_itself():
    model = Model()

    async def scenario():
        batcher = Batcher(model, SHAPE, 100)
        for value in range(3):
            await batcher.submit(pixels(value), 1)

    run(scenario())
    assert model.sizes == [1, 1, 1]


def test_who_is_alone_has_the_answer_before_the_next_turn_of_the_loop():
    model, given = Model(), []

    async def scenario():
        batcher = Batcher(model, SHAPE, 100)
        batcher.is_alone = lambda: True
        batcher.enqueue(pixels(1), 1, given.append)
        batcher.enqueue(pixels(2), 1, given.append)
        assert [answer.tolist() for answer in given] == [[[1, 2]], [[2, 3]]]
        batcher.is_alone = lambda: False
        batcher.enqueue(pixels(3), 1, given.append)
        batcher.enqueue(pixels(4), 1, given.append)
        assert len(given) == 2
        await asyncio.sleep(0)
        assert len(given) == 4

    run(scenario())
    assert model.sizes == [1, 1, 2]


def test_who_is_alone_with_a_slow_model_does_not_hold_up_the_loop_and_the_model_runs_once_at_a_time():
    model, hold, entered = Model(), threading.Event(), threading.Event()

    def slow(images_NHWC):
        entered.set()
        assert hold.wait(30)
        return model(images_NHWC)

    async def scenario():
        batcher = Batcher(slow, SHAPE, 4, seconds_per_image=1.0)
        batcher.is_alone = lambda: True
        first, second = batcher.submit(pixels(1), 1), batcher.submit(pixels(2), 1)
        await asyncio.get_running_loop().run_in_executor(None, entered.wait, 30)
        assert not first.done()
        assert not model.sizes
        hold.set()
        assert [(await each).tolist() for each in (first, second)] == [[[1, 2]], [[2, 3]]]

    run(scenario())
    assert model.sizes == [1, 1]
    assert model.threads == [False, False]


def test_a_batch_has_a_limit_and_a_larger_request_goes_alone(monkeypatch):
    monkeypatch.setattr(batch, "MAX_BATCH", 4)
    model = Model()

    async def scenario():
        batcher = Batcher(model, SHAPE, 100)
        futures = [batcher.submit(pixels(*range(n)), n) for n in (3, 1, 1, 9, 2)]
        answers = await asyncio.gather(*futures)
        assert [len(answer) for answer in answers] == [3, 1, 1, 9, 2]

    run(scenario())
    # The nine images of one request run in parts.
    assert model.sizes == [4, 1, 4, 4, 1, 2]


def test_a_failing_model_fails_its_batch_and_not_the_next():
    model = Model()

    async def scenario():
        batcher = Batcher(model, SHAPE, 100)
        model.fail = True
        outcomes = await asyncio.gather(
            batcher.submit(pixels(1), 1), batcher.submit(pixels(2), 1), return_exceptions=True
        )
        assert [str(outcome) for outcome in outcomes] == ["the model broke"] * 2
        model.fail = False
        assert (await batcher.submit(pixels(5), 1)).tolist() == [[5, 6]]
        assert batcher.waiting == 0

    run(scenario())


def test_a_slow_model_runs_beside_the_loop_and_batches_what_comes_meanwhile():
    model, hold, entered = Model(), threading.Event(), threading.Event()

    def slow(images_NHWC):
        entered.set()
        assert hold.wait(10)
        return model(images_NHWC)

    async def scenario():
        batcher = Batcher(slow, SHAPE, 4, seconds_per_image=1.0)
        first = batcher.submit(pixels(1), 1)
        await asyncio.to_thread(entered.wait, 10)  # the loop is free while the model runs
        later = [batcher.submit(pixels(value), 1) for value in (2, 3, 4)]
        assert batcher.waiting == 4
        assert not batcher.has_room(1)
        hold.set()
        assert (await first).tolist() == [[1, 2]]
        assert [answer.tolist() for answer in await asyncio.gather(*later)] == [[[2, 3]], [[3, 4]], [[4, 5]]]
        assert batcher.has_room(1)

    run(scenario())
    assert model.sizes == [1, 3]
    assert model.threads[0] is False


def test_an_idle_model_takes_a_request_of_any_size():
    assert Batcher(Model(), SHAPE, 4).has_room(1000)


def test_a_client_that_left_does_not_disturb_the_others():
    async def scenario():
        batcher = Batcher(Model(), SHAPE, 100)
        gone, stays = batcher.submit(pixels(1), 1), batcher.submit(pixels(2), 1)
        gone.cancel()
        assert (await stays).tolist() == [[2, 3]]
        with pytest.raises(asyncio.CancelledError):
            await gone

    run(scenario())


def test_one_that_fails_to_take_its_outcome_keeps_nobody_from_theirs():
    async def scenario():
        batcher = Batcher(Model(), SHAPE, 100)
        batcher.enqueue(pixels(1), 1, lambda outcome: 1 / 0)
        assert (await batcher.submit(pixels(2), 1)).tolist() == [[2, 3]]
        assert (await batcher.submit(pixels(3), 1)).tolist() == [[3, 4]]

    run(scenario())
