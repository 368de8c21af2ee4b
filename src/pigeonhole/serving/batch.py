"""Opportunistic micro-batching: the model takes whatever has arrived, and nobody waits for a timer.

Requests that one turn of the event loop has read are joined into one run of the model. While it runs, the next ones
gather in the sockets: so batches grow with the load by themselves, and a lone request is answered at once.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt

from pigeonhole.images import Shape
from pigeonhole.serving.counting import SIZES, WAIT_S, Histogram
from pigeonhole.serving.failures import waited_too_long

logger = logging.getLogger("pigeonhole.serving")
Probs = npt.NDArray[np.float32]
Run = Callable[[npt.NDArray[np.uint8]], Probs]
Deliver = Callable[[Probs | Exception], None]
Waiting = tuple[bytes, int, Deliver]
Ran = tuple[Probs, bytes, float]
# Of a batch that has run and been delivered: its requests, the pixels of its images, their probabilities.
Delivered = Callable[[int, bytes, Probs], None]
# A small network's intermediate numbers for so many images stay in the processor's cache; for 128 of them an image
# took 2.5 times as long.
MAX_BATCH = 64
# A run that takes longer than this goes to a thread, so that health checks are answered meanwhile; a shorter one
# costs less than handing it over.
INLINE_S = 0.01


class Timed:
    """Hands an outcome on, and knows since when it has been waited for."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._since_s = time.perf_counter()

    def __call__(self, outcome: Probs | Exception) -> None:
        """Hands it on."""
        self._deliver(outcome)

    def is_for(self, deliver: Deliver) -> bool:
        """Whether it hands on to that."""
        return self._deliver == deliver

    def waited_ms(self, now_s: float) -> float:
        """How long it has been waited for."""
        return (now_s - self._since_s) * 1e3


class Batcher:
    """Joins what waits, runs the model, and hands each request its own rows.

    Args:
        run: uint8 NHWC → probabilities NK; called by one caller at a time.
        shape: (H, W, C).
        max_waiting: images that may wait; beyond it `has_room` is False.
        max_requests: likewise requests.
        max_wait_ms: a request that has waited longer is refused when its turn comes; `None` lets it wait.
        seconds_per_image: a first estimate, from the warm-up.
        always_beside: runs never hold up the loop, however short they are.
        delivered: called after each batch, once all its requests have theirs.

    Attributes:
        waiting: images that wait or are in the model …
        requests: … and of how many requests.
        is_alone: whether no other request can come in this turn of the event loop.
        started_s: when the last batch was begun, by `time.perf_counter`.
        sizes: the images of each run.
        durations: its seconds.
    """

    def __init__(
        self,
        run: Run,
        shape: Shape,
        max_waiting: int,
        seconds_per_image: float = 0.0,
        *,
        max_requests: int = 1000,
        max_wait_ms: float | None = None,
        always_beside: bool = False,
        delivered: Delivered | None = None,
    ) -> None:
        self._run = run
        self._shape = shape
        self._max_waiting = max_waiting
        self._max_requests = max_requests
        self._max_wait_ms = max_wait_ms
        self._seconds_per_image = seconds_per_image
        self._always_beside = always_beside
        self._delivered = delivered
        self.is_alone: Callable[[], bool] = _never
        self._queue: list[Waiting] = []
        self.waiting = 0
        self.requests = 0
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.started_s = 0.0
        self.sizes = Histogram(SIZES)
        self.durations = Histogram(WAIT_S)

    def has_room(self, n: int) -> bool:
        """Whether a request of `n` images may wait. An idle model takes any number."""
        if self.waiting == 0:
            return True
        return self.waiting + n <= self._max_waiting and self.requests < self._max_requests

    def submit(self, pixels: bytes, n: int) -> asyncio.Future[Probs]:
        """The probabilities (n, K) of `n` images, as soon as their batch has run."""
        future: asyncio.Future[Probs] = asyncio.get_running_loop().create_future()
        self.enqueue(pixels, n, functools.partial(_settle, future))
        return future

    def enqueue(self, pixels: bytes, n: int, deliver: Deliver) -> None:
        """Has `n` images run, and their probabilities (n, K) delivered, or the reason why there are none."""
        if self._max_wait_ms is not None:
            deliver = Timed(deliver)
        self._queue.append((pixels, n, deliver))
        self.waiting += n
        self.requests += 1
        if not self._scheduled:
            self._scheduled = True
            # Asked for once: Python 3.11 makes a system call of it.
            loop = self._loop = self._loop or asyncio.get_running_loop()
            if self.is_alone():
                self._start_now()
            else:
                # Runs after every request of this turn of the loop has been submitted.
                loop.call_soon(self._start)

    def withdraw(self, deliver: Deliver) -> bool:
        """Takes back images that still wait, so that others may; what is in the model already runs to its end.

        Returns:
            Whether they still waited.
        """
        for index, (_, n, each) in enumerate(self._queue):
            if each == deliver or (isinstance(each, Timed) and each.is_for(deliver)):
                del self._queue[index]
                self.waiting -= n
                self.requests -= 1
                return True
        return False

    def _start_now(self) -> None:
        try:
            self._start()
        except Exception:  # as the event loop does: what called has done its part
            logger.exception("a batch was not seen to its end")

    def _start(self) -> None:
        # Of those that are refused too: measured to the run before, their wait could be less than none.
        self.started_s = time.perf_counter()
        if self._max_wait_ms is not None:
            self._refuse_late(self._max_wait_ms)
        batch, n = self._take()
        if not batch or self._loop is None:
            self._scheduled = False
            return
        if self._always_beside or n * self._seconds_per_image > INLINE_S:
            running = self._loop.run_in_executor(None, self._timed, batch, n)
            running.add_done_callback(lambda done: self._finish(batch, n, done.exception() or done.result()))
            return
        try:
            outcome: Ran | BaseException = self._timed(batch, n)
        except Exception as error:  # noqa: BLE001 - handed to every request of the batch, which report it
            outcome = error
        self._finish(batch, n, outcome)

    def _take(self) -> tuple[list[Waiting], int]:
        """The next batch in order of arrival: at most `MAX_BATCH` images, or a single larger request."""
        n = count = 0
        for _, images, _ in self._queue:
            if count and n + images > MAX_BATCH:
                break
            n += images
            count += 1
        batch, self._queue = self._queue[:count], self._queue[count:]
        return batch, n

    def _refuse_late(self, limit_ms: float) -> None:
        """Those that have waited too long cost the others no more time. The queue is in order of arrival."""
        late = [each for each in self._queue if cast("Timed", each[2]).waited_ms(self.started_s) > limit_ms]
        self._queue = self._queue[len(late) :]
        self.waiting -= sum(n for _, n, _ in late)
        self.requests -= len(late)
        for _, _, deliver in late:
            _hand(deliver, waited_too_long(limit_ms))

    def _timed(self, batch: list[Waiting], n: int) -> Ran:
        started = time.perf_counter()
        pixels = batch[0][0] if len(batch) == 1 else b"".join([waiting[0] for waiting in batch])
        images_NHWC = np.frombuffer(pixels, np.uint8).reshape(n, *self._shape)
        if n <= MAX_BATCH:
            probs_NK = self._run(images_NHWC)
        else:
            parts = [self._run(images_NHWC[start : start + MAX_BATCH]) for start in range(0, n, MAX_BATCH)]
            probs_NK = np.concatenate(parts)
        return probs_NK, pixels, time.perf_counter() - started

    def _finish(self, batch: list[Waiting], n: int, outcome: Ran | BaseException) -> None:
        self.waiting -= n
        self.requests -= len(batch)
        if isinstance(outcome, tuple):
            probs_NK, _, seconds = outcome
            _deliver(batch, probs_NK)
            self._account(n, seconds)
        else:
            _fail(batch, outcome)
        if self._queue and self._loop is not None:
            self._loop.call_soon(self._start)
        else:
            self._scheduled = False
        if self._delivered is not None and isinstance(outcome, tuple):
            self._delivered(len(batch), outcome[1], outcome[0])

    def _account(self, n: int, seconds: float) -> None:
        self.sizes.observe(n)
        self.durations.observe(seconds)
        self._seconds_per_image += 0.1 * (seconds / n - self._seconds_per_image)


def _never() -> bool:
    return False


def _deliver(batch: list[Waiting], probs_NK: Probs) -> None:
    start = 0
    for _, n, deliver in batch:
        _hand(deliver, probs_NK[start : start + n])
        start += n


def _fail(batch: list[Waiting], error: BaseException) -> None:
    told = error if isinstance(error, Exception) else RuntimeError(f"the model was stopped: {error!r}")
    for _, _, deliver in batch:
        _hand(deliver, told)


def _hand(deliver: Deliver, outcome: Probs | Exception) -> None:
    try:
        deliver(outcome)
    except Exception:  # the others of the batch get theirs, and the model goes on
        logger.exception("an outcome could not be delivered")


def _settle(future: asyncio.Future[Probs], outcome: Probs | Exception) -> None:
    if future.done():  # whoever waited has gone
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
