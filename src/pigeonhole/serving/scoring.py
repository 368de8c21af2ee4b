"""`POST /score`: one request's way through decode → batch → run → encode, counted and logged.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError
from pigeonhole.predictions import Entry
from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.decode import Decoded, decode_image, decode_json, inverted
from pigeonhole.serving.deployed import Deployed
from pigeonhole.serving.encode import answer
from pigeonhole.serving.failures import failed, too_many
from pigeonhole.serving.http import Headers, Reply, Request, RequestError, read_body
from pigeonhole.serving.mirroring import Mirror
from pigeonhole.serving.routing import Router

_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_INVERT = {("invert", "true"), ("invert", "false")}
# Beyond this a body is decoded in a thread: 256 KiB of JSON take half a millisecond.
OFF_LOOP_BYTES = 256 << 10
OFF_LOOP_LIMIT = 64
THREADS = 2


@dataclass(slots=True)
class _Outcome:
    """What one request became; filled in on its way."""

    request_id: str
    received_s: float
    started: float
    decoded: Decoded | None = None
    probs_NK: npt.NDArray[np.float32] | None = None


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
        self._config = config
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="decode")
        self._off_loop = 0

    async def score(self, request: Request) -> Reply:
        """The predictions, or what was wrong; either is counted and logged."""
        try:
            deployment = self.router.choose(request.headers)
        except RequestError:
            self.unrouted += 1
            raise
        outcome = _Outcome(request.id, time.time(), time.perf_counter())
        try:
            body = await read_body(request, self._config.max_body_bytes)
            outcome.started = time.perf_counter()
            content = await self._answer(request, body, deployment, outcome)
            reply = Reply(200, content, afterwards=self._copying(request, body, deployment, outcome))
        except ConnectionResetError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of a request; caught here to be logged with its latency
            reply = failed(error, request.id)
        _account(reply, deployment, outcome)
        return reply

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, request: Request, body: bytes, deployment: Deployed, outcome: _Outcome) -> bytes:
        metrics, batcher = deployment.metrics, deployment.batcher
        outcome.decoded = decoded = await self._decode(request, body, deployment)
        metrics.decode_s += time.perf_counter() - outcome.started
        if not batcher.has_room(decoded.n):
            raise too_many(batcher.waiting, "images")
        outcome.probs_NK = probs_NK = await batcher.submit(decoded.pixels, decoded.n)
        started = time.perf_counter()
        content = answer(decoded, probs_NK, deployment.class_names, deployment.model, deployment.name, request.id)
        metrics.encode_s += time.perf_counter() - started
        return content

    def _copying(
        self, request: Request, body: bytes, answering: Deployed, outcome: _Outcome
    ) -> Callable[[], None] | None:
        """What hands out the copies of an answered request; `None` where nobody gets one."""
        copies = self.router.copies(answering)
        decoded = outcome.decoded
        if not copies or decoded is None:
            return None

        def hand_out() -> None:
            for target in copies:
                same = target.shape == answering.shape
                content = decoded.pixels if same else body
                decode = functools.partial(_at_once, decoded) if same else self._decoding(request, body, target)
                self._mirrors[target.name].take(request.id, len(content), decode)

        return hand_out

    def _decoding(self, request: Request, body: bytes, target: Deployed) -> Callable[[], Awaitable[Decoded]]:
        return functools.partial(self._decode, request, body, target)

    async def _decode(self, request: Request, body: bytes, deployment: Deployed) -> Decoded:
        _check_type(request.headers)
        kind = request.headers.get(b"content-type", b"")
        query = request.scope["query_string"]
        invert = _invert(query) if query else False
        shape, limits = deployment.shape, self._config
        if kind.startswith(b"image/") or body.startswith(_MAGIC):
            return await self._in_thread(
                lambda: decode_image(body, shape, deployment.normal, invert=invert, max_pixels=limits.max_pixels)
            )
        if len(body) > OFF_LOOP_BYTES:
            decoded = await self._in_thread(lambda: decode_json(body, shape, limits.max_images))
        else:
            decoded = decode_json(body, shape, limits.max_images)
        return inverted(decoded) if invert else decoded

    async def _in_thread(self, work: Callable[[], Decoded]) -> Decoded:
        if self._off_loop >= OFF_LOOP_LIMIT:
            raise too_many(self._off_loop, "large requests")
        self._off_loop += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._off_loop -= 1


async def _at_once(decoded: Decoded) -> Decoded:
    return decoded


def _account(reply: Reply, deployment: Deployed, outcome: _Outcome) -> None:
    latency_ms = (time.perf_counter() - outcome.started) * 1e3
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


def _check_type(headers: Headers) -> None:
    kind = headers.get(b"content-type", b"")
    encoding = headers.get(b"content-encoding", b"identity")
    if kind.startswith(b"multipart/") or encoding != b"identity":
        what = encoding if encoding != b"identity" else kind
        raise RequestError(
            415,
            "unsupported_media_type",
            f"a body of type {what.decode('latin-1')}",
            "application/json, image/png or image/jpeg, not compressed",
            "with curl, send a file by --data-binary @FILE instead of -F",
        )


def _invert(query: bytes) -> bool:
    """`?invert=true`: the way to say it beside an image file.

    Raises:
        DataError: another parameter or value.
    """
    parameters = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    wrong = [f"{key}={value}" for key, value in parameters if (key, value.lower()) not in _INVERT]
    if wrong:
        raise DataError(
            f"the query parameters {', '.join(wrong)}", "invert=true or invert=false", "correct the address"
        )
    return any(value.lower() == "true" for _, value in parameters)
