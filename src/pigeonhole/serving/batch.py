"""Opportunistic micro-batching: the model takes whatever has arrived, and nobody waits for a timer.

Requests that one turn of the event loop has read are joined into one run of the model. While it runs, the next ones
gather in the sockets: so batches grow with the load by themselves, and a lone request is answered at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pigeonhole.images import Shape

Probs = npt.NDArray[np.float32]
Run = Callable[[npt.NDArray[np.uint8]], Probs]
Waiting = tuple[bytes, int, "asyncio.Future[Probs]"]
MAX_BATCH = 128
# A run that takes longer than this goes to a thread, so that health checks are answered meanwhile; a shorter one
# costs less than handing it over.
INLINE_S = 0.01


class Batcher:
    """Joins what waits, runs the model, and hands each request its own rows.

    Args:
        run: uint8 NHWC → probabilities NK; called by one caller at a time.
        shape: (H, W, C).
        max_waiting: images that may wait; beyond it `has_room` is False.
        max_requests: likewise requests.
        seconds_per_image: a first estimate, from the warm-up.
        always_beside: runs never hold up the loop, however short they are.
    """

    def __init__(
        self,
        run: Run,
        shape: Shape,
        max_waiting: int,
        seconds_per_image: float = 0.0,
        *,
        max_requests: int = 1000,
        always_beside: bool = False,
    ) -> None:
        self._run = run
        self._shape = shape
        self._max_waiting = max_waiting
        self._max_requests = max_requests
        self._seconds_per_image = seconds_per_image
        self._always_beside = always_beside
        self._queue: list[Waiting] = []
        self.waiting = 0
        self.requests = 0
        self._scheduled = False
        self.batches = 0
        self.images = 0
        self.run_s = 0.0

    def has_room(self, n: int) -> bool:
        """Whether a request of `n` images may wait. An idle model takes any number."""
        if self.waiting == 0:
            return True
        return self.waiting + n <= self._max_waiting and self.requests < self._max_requests

    def submit(self, pixels: bytes, n: int) -> asyncio.Future[Probs]:
        """The probabilities (n, K) of `n` images, as soon as their batch has run."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Probs] = loop.create_future()
        self._queue.append((pixels, n, future))
        self.waiting += n
        self.requests += 1
        if not self._scheduled:
            self._scheduled = True
            # Runs after every request of this turn of the loop has been submitted.
            loop.call_soon(self._start)
        return future

    def _start(self) -> None:
        batch, n = self._take()
        if not batch:
            self._scheduled = False
            return
        images_NHWC = _joined(batch, n, self._shape)
        loop = asyncio.get_running_loop()
        if self._always_beside or n * self._seconds_per_image > INLINE_S:
            running = loop.run_in_executor(None, self._timed, images_NHWC)
            running.add_done_callback(lambda done: self._finish(batch, n, done))
            return
        done: asyncio.Future[tuple[Probs, float]] = loop.create_future()
        try:
            done.set_result(self._timed(images_NHWC))
        except Exception as error:  # noqa: BLE001 - handed to every request of the batch, which report it
            done.set_exception(error)
        self._finish(batch, n, done)

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

    def _timed(self, images_NHWC: npt.NDArray[np.uint8]) -> tuple[Probs, float]:
        started = time.perf_counter()
        probs_NK = self._run(images_NHWC)
        return probs_NK, time.perf_counter() - started

    def _finish(self, batch: list[Waiting], n: int, done: asyncio.Future[tuple[Probs, float]]) -> None:
        self.waiting -= n
        self.requests -= len(batch)
        error = done.exception()
        if error is None:
            probs_NK, seconds = done.result()
            self._account(n, seconds)
            _deliver(batch, probs_NK)
        else:
            _fail(batch, error)
        if self._queue:
            asyncio.get_running_loop().call_soon(self._start)
        else:
            self._scheduled = False

    def _account(self, n: int, seconds: float) -> None:
        self.batches += 1
        self.images += n
        self.run_s += seconds
        self._seconds_per_image += 0.1 * (seconds / n - self._seconds_per_image)


def _joined(batch: list[Waiting], n: int, shape: Shape) -> npt.NDArray[np.uint8]:
    pixels = batch[0][0] if len(batch) == 1 else b"".join([waiting[0] for waiting in batch])
    return np.frombuffer(pixels, np.uint8).reshape(n, *shape)


def _deliver(batch: list[Waiting], probs_NK: Probs) -> None:
    start = 0
    for _, n, future in batch:
        if not future.done():  # the client may have gone
            future.set_result(probs_NK[start : start + n])
        start += n


def _fail(batch: list[Waiting], error: BaseException) -> None:
    for _, _, future in batch:
        if not future.done():
            future.set_exception(error)
