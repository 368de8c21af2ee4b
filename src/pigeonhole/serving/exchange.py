"""One scoring request's way in any protocol: decode → batch → run → encode, counted and logged.

Each step calls the next one; a task and its futures would cost a quarter of the whole request.

Axes: N images, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future

from pigeonhole.predictions import Entry
from pigeonhole.serving.deployed import Deployed
from pigeonhole.serving.failures import failed, too_many
from pigeonhole.serving.http import Reply, Request, Respond
from pigeonhole.serving.protocols.decoded import Decoded, Dialect, Probs, Work

InThread = Callable[[Work, Callable[["Future[Decoded]"], None]], None]


class Exchange:
    """A request and its answer.

    Args:
        dialect: how the request is read and answered.
        request: it.
        respond: takes the answer.
        deployment: who answers.
        in_thread: does work beside the event loop, and gives the outcome back in it.
        done: called with the exchange before the answer goes out.
        is_endpoint: whether the server stands for a deployed endpoint.
    """

    __slots__ = (
        "_dialect",
        "_done",
        "_in_thread",
        "_is_endpoint",
        "_received_s",
        "_respond",
        "_started",
        "_submitted_s",
        "decoded",
        "deployment",
        "is_over",
        "is_read",
        "request",
    )

    def __init__(
        self,
        dialect: Dialect,
        request: Request,
        respond: Respond,
        deployment: Deployed,
        in_thread: InThread,
        done: Callable[[Exchange, Reply], None],
        is_endpoint: bool,
    ) -> None:
        self.request = request
        self.deployment = deployment
        self.decoded: Decoded | None = None
        self.is_read = self.is_over = False
        self._dialect = dialect
        self._respond = respond
        self._in_thread = in_thread
        self._done = done
        self._is_endpoint = is_endpoint
        self._received_s = time.time()
        self._started = self._submitted_s = time.perf_counter()
        request.deployment, request.route = deployment, dialect.route

    def begin(self) -> None:
        """Reads the images, and sees that they are run."""
        request = self.request
        try:
            content = request.body()
            self.is_read = True
            decoded = self._dialect.decode(content, request.headers, request.query, self.deployment.facts)
            if isinstance(decoded, Decoded):
                self._submit(decoded)
            else:
                self._in_thread(decoded, self._read)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Says what was wrong, unless the answer has gone out."""
        if not self.is_over:
            self._finish(failed(error, self.request.id, deployed=self._is_endpoint), None)

    def give_up(self, error: Exception) -> None:
        """Says that its time is over, and leaves its place in the queue to others."""
        self.deployment.batcher.withdraw(self._deliver)
        self.fail(error)

    def abandon(self, error: Exception) -> None:
        """The client has gone: what still waits is not run. What is in the model or being read ends by itself."""
        if self.deployment.batcher.withdraw(self._deliver):
            self.fail(error)

    def _read(self, outcome: Future[Decoded]) -> None:
        if self.is_over:
            return
        try:
            self._submit(outcome.result())
        except Exception as error:  # noqa: BLE001 - the edge of a request
            self.fail(error)

    def _submit(self, decoded: Decoded) -> None:
        self.decoded = decoded
        deployment = self.deployment
        self._submitted_s = time.perf_counter()
        deployment.metrics.decode_s += self._submitted_s - self._started
        batcher = deployment.batcher
        if not batcher.has_room(decoded.n):
            raise too_many(batcher.waiting, f"images of {batcher.requests:,} requests")
        batcher.enqueue(decoded.pixels, decoded.n, self._deliver)

    def _deliver(self, outcome: Probs | Exception) -> None:
        self.request.queue_s = waited_s = self.deployment.batcher.started_s - self._submitted_s
        self.deployment.metrics.queue_wait.observe(waited_s)
        if self.is_over or self.decoded is None:
            return
        if isinstance(outcome, Exception):
            self.fail(outcome)
            return
        started = time.perf_counter()
        try:
            reply = self._dialect.encode(self.decoded, outcome, self.deployment.facts, self.request.id)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            self.fail(error)
            return
        self.deployment.metrics.encode_s += time.perf_counter() - started
        self._finish(reply, outcome)

    def _finish(self, reply: Reply, probs_NK: Probs | None) -> None:
        self.is_over = True
        deployment, decoded = self.deployment, self.decoded
        latency_ms = (time.perf_counter() - self._started) * 1e3
        deployment.sign(reply, latency_ms, failed=reply.status in (424, 500))
        self._done(self, reply)
        self._respond(reply)
        if probs_NK is not None and decoded is not None:
            # Counted and logged with all others of its batch.
            deployment.answered.append(
                (self.request.id, self._received_s, latency_ms, decoded.n, decoded.pixels, probs_NK)
            )
        else:
            deployment.note(Entry(self.request.id, self._received_s, latency_ms, reply.status, reply.error_code))
        if reply.afterwards:
            reply.afterwards()
