"""One scoring request's way in any protocol: decode → batch → run → encode, counted and logged.

Axes: N images, K classes.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pigeonhole.predictions import Entry
from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.deadlines import Deadlines
from pigeonhole.serving.deployed import Deployed
from pigeonhole.serving.failures import failed, too_many, too_slow
from pigeonhole.serving.http import Reply, Request, RequestError, read_body
from pigeonhole.serving.mirroring import Mirror
from pigeonhole.serving.protocols.decoded import Decoded, Dialect, Probs, Work
from pigeonhole.serving.routing import Router

OFF_LOOP_LIMIT = 64
THREADS = 2


@dataclass(slots=True)
class _Outcome:
    """What one request became; filled in on its way. It `started` when its body had come whole."""

    request_id: str
    received_s: float
    started: float
    is_read: bool = False
    decoded: Decoded | None = None
    probs_NK: Probs | None = None


class Scorer:
    """Answers scoring requests with the deployments of a server.

    Args:
        config: limits.
        deployments: all of them.
    """

    def __init__(self, config: ServingConfig, deployments: Sequence[Deployed]) -> None:
        self.router = Router(deployments)
        self.unrouted = 0
        self._mirrors = {deployment.name: Mirror(deployment) for deployment in deployments if deployment.mirror}
        self._max_body_bytes = config.max_body_bytes
        self.deadlines = Deadlines(config.request_timeout_s)
        self._is_endpoint = config.endpoint is not None
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="decode")
        self._off_loop = 0

    async def score(self, dialect: Dialect, request: Request) -> Reply:
        """The predictions of the deployment that the request's header names, or that has the turn."""
        return await self._routed(dialect, request, lambda: self.router.choose(request.headers))

    async def infer(self, dialect: Dialect, model: str, version: str | None, request: Request) -> Reply:
        """The predictions of a model that the request's path names."""
        return await self._routed(dialect, request, lambda: self.router.of_model(model, version, request.headers))

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _routed(self, dialect: Dialect, request: Request, choose: Callable[[], Deployed]) -> Reply:
        try:
            deployment = choose()
        except RequestError:
            self.unrouted += 1
            raise
        return await self._score(dialect, request, deployment)

    async def _score(self, dialect: Dialect, request: Request, deployment: Deployed) -> Reply:
        """The predictions, or what was wrong; either is counted and logged."""
        outcome = _Outcome(request.id, time.time(), time.perf_counter())
        task = self.deadlines.begin()
        try:
            reply = await self._replied(dialect, request, deployment, outcome)
        except asyncio.CancelledError:
            if not self.deadlines.passed(task):
                raise
            reply = failed(self._too_slow(outcome), request.id)
        except ConnectionResetError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of a request; caught here to be logged with its latency
            reply = failed(error, request.id, deployed=self._is_endpoint)
        finally:
            self.deadlines.end(task)
        latency_ms = (time.perf_counter() - outcome.started) * 1e3
        _account(reply, deployment, outcome, latency_ms)
        deployment.sign(reply, latency_ms)
        return reply

    async def _replied(self, dialect: Dialect, request: Request, deployment: Deployed, outcome: _Outcome) -> Reply:
        body = await read_body(request, self._max_body_bytes)
        outcome.started = time.perf_counter()
        outcome.is_read = True
        reply = await self._answer(dialect, request, body, deployment, outcome)
        copies = self.router.copies(deployment)
        if copies and outcome.decoded is not None:
            reply.afterwards = functools.partial(
                self._hand_out, deployment, copies, dialect, request, body, outcome.decoded
            )
        return reply

    def _too_slow(self, outcome: _Outcome) -> RequestError:
        """What Azure says: a server by itself 500 where its model is slow, an endpoint 408."""
        limit_ms = self.deadlines.limit_s * 1e3
        if outcome.is_read and not self._is_endpoint:
            received = f"Scoring timeout after {limit_ms:.0f} ms"
            return RequestError(500, "scoring_timeout", received, "a model that answers in time", "send fewer images")
        return too_slow(limit_ms)

    async def _answer(
        self, dialect: Dialect, request: Request, body: bytes, deployment: Deployed, outcome: _Outcome
    ) -> Reply:
        metrics, batcher = deployment.metrics, deployment.batcher
        decoded = dialect.decode(body, request.headers, request.scope["query_string"], deployment.facts)
        if not isinstance(decoded, Decoded):
            decoded = await self._in_thread(decoded)
        outcome.decoded = decoded
        metrics.decode_s += time.perf_counter() - outcome.started
        if not batcher.has_room(decoded.n):
            raise too_many(batcher.waiting, f"images of {batcher.requests:,} requests")
        outcome.probs_NK = probs_NK = await batcher.submit(decoded.pixels, decoded.n)
        started = time.perf_counter()
        reply = dialect.encode(decoded, probs_NK, deployment.facts, request.id)
        metrics.encode_s += time.perf_counter() - started
        return reply

    def _hand_out(
        self,
        answering: Deployed,
        copies: list[Deployed],
        dialect: Dialect,
        request: Request,
        body: bytes,
        decoded: Decoded,
    ) -> None:
        """Gives an answered request to the deployments that get a copy; one of another shape reads it anew."""
        for target in copies:
            same = target.facts.shape == answering.facts.shape
            read: Callable[[], Awaitable[Decoded]]
            if same:
                read = functools.partial(_at_once, decoded)
            else:
                read = functools.partial(self._decode, dialect, request, body, target)
            self._mirrors[target.name].take(request.id, len(decoded.pixels) if same else len(body), read)

    async def _decode(self, dialect: Dialect, request: Request, body: bytes, target: Deployed) -> Decoded:
        decoded = dialect.decode(body, request.headers, request.scope["query_string"], target.facts)
        return decoded if isinstance(decoded, Decoded) else await self._in_thread(decoded)

    async def _in_thread(self, work: Work) -> Decoded:
        if self._off_loop >= OFF_LOOP_LIMIT:
            raise too_many(self._off_loop, "large requests")
        self._off_loop += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._off_loop -= 1


async def _at_once(decoded: Decoded) -> Decoded:
    return decoded


def _account(reply: Reply, deployment: Deployed, outcome: _Outcome, latency_ms: float) -> None:
    n, pixels, probs_NK = 0, b"", None
    if outcome.decoded is not None and outcome.probs_NK is not None and reply.status == 200:
        n, pixels, probs_NK = outcome.decoded.n, outcome.decoded.pixels, outcome.probs_NK
    deployment.metrics.count(reply.status, latency_ms, n, reply.error_code)
    if deployment.log is not None:
        deployment.log.add(
            Entry(
                outcome.request_id,
                outcome.received_s,
                latency_ms,
                reply.status,
                reply.error_code,
                n,
                pixels,
                probs_NK,
            )
        )
