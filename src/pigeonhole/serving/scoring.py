"""`POST /score`: one request's way through decode → batch → run → encode, counted and logged.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt

from pigeonhole.bundle import Bundle
from pigeonhole.core.errors import DataError
from pigeonhole.predictions import Entry, PredictionLog
from pigeonhole.serving.batch import Batcher
from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.decode import Decoded, decode_image, decode_json, inverted
from pigeonhole.serving.encode import answer
from pigeonhole.serving.failures import failed, too_many
from pigeonhole.serving.http import Headers, Reply, Request, RequestError, read_body
from pigeonhole.serving.metrics import Metrics

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
    """Answers scoring requests with one bundle.

    Args:
        config: names and limits.
        bundle: verified, and its probe reproduced.
        log: where answers are written; `None` keeps none.
        seconds_per_image: as the warm-up measured it.
    """

    def __init__(
        self, config: ServingConfig, bundle: Bundle, log: PredictionLog | None, seconds_per_image: float
    ) -> None:
        self.metrics = Metrics()
        self.log = log
        self.batcher = Batcher(self._run, bundle.shape_HWC, config.max_waiting_images, seconds_per_image)
        self._config = config
        self._model = config.model_name
        self._shape = bundle.shape_HWC
        self._class_names = bundle.class_names
        self._normal = bundle.normal
        self._session = bundle.session
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="decode")
        self._off_loop = 0

    async def score(self, request: Request) -> Reply:
        """The predictions, or what was wrong; either is counted and logged."""
        outcome = _Outcome(request.id, time.time(), time.perf_counter())
        try:
            self._check_deployment(request.headers)
            body = await read_body(request, self._config.max_body_bytes)
            outcome.started = time.perf_counter()
            reply = Reply(200, await self._answer(request, body, outcome))
        except ConnectionResetError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of a request; caught here to be logged with its latency
            reply = failed(error, request.id)
        self._account(reply, outcome)
        return reply

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, request: Request, body: bytes, outcome: _Outcome) -> bytes:
        outcome.decoded = decoded = await self._decode(request, body)
        self.metrics.decode_s += time.perf_counter() - outcome.started
        if not self.batcher.has_room(decoded.n):
            raise too_many(self.batcher.waiting, "images")
        outcome.probs_NK = probs_NK = await self.batcher.submit(decoded.pixels, decoded.n)
        started = time.perf_counter()
        content = answer(decoded, probs_NK, self._class_names, self._model, self._config.deployment, request.id)
        self.metrics.encode_s += time.perf_counter() - started
        return content

    def _account(self, reply: Reply, outcome: _Outcome) -> None:
        latency_ms = (time.perf_counter() - outcome.started) * 1e3
        n, pixels, probs_NK = 0, b"", None
        if outcome.decoded is not None and outcome.probs_NK is not None and reply.status == 200:
            n, pixels, probs_NK = outcome.decoded.n, outcome.decoded.pixels, outcome.probs_NK
        self.metrics.count(reply.status, latency_ms, n, reply.error_code)
        if self.log is not None:
            self.log.add(
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

    async def _decode(self, request: Request, body: bytes) -> Decoded:
        _check_type(request.headers)
        kind = request.headers.get(b"content-type", b"")
        query = request.scope["query_string"]
        invert = _invert(query) if query else False
        if kind.startswith(b"image/") or body.startswith(_MAGIC):
            return await self._in_thread(
                lambda: decode_image(body, self._shape, self._normal, invert=invert, max_pixels=self._config.max_pixels)
            )
        if len(body) > OFF_LOOP_BYTES:
            decoded = await self._in_thread(lambda: decode_json(body, self._shape, self._config.max_images))
        else:
            decoded = decode_json(body, self._shape, self._config.max_images)
        return inverted(decoded) if invert else decoded

    async def _in_thread(self, work: Callable[[], Decoded]) -> Decoded:
        if self._off_loop >= OFF_LOOP_LIMIT:
            raise too_many(self._off_loop, "large requests")
        self._off_loop += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._off_loop -= 1

    def _run(self, images_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._session.run(images_NHWC)[0]

    def _check_deployment(self, headers: Headers) -> None:
        """Azure's header picks a deployment; asking for one that is not here must not be answered by another."""
        asked = headers.get(b"azureml-model-deployment")
        if asked is not None and asked.decode("latin-1") != self._config.deployment:
            raise RequestError(
                404,
                "no_such_deployment",
                f"the deployment {asked.decode('latin-1')!r}",
                self._config.deployment,
                "leave out the header azureml-model-deployment, or correct it",
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
