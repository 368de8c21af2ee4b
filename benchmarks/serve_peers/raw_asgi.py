"""As little as serves the model: raw ASGI, orjson, and batches of whatever has arrived. No keys, log or limits."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import orjson
from model import Model, answers, pixels

MODEL = Model()
WAITING: list[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = []


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ARG001
    """Answers one image a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    probs_NK = await queued(pixels(orjson.loads(body)["data"]))
    content = orjson.dumps({"predictions": answers(probs_NK)})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def queued(images_NP: np.ndarray) -> asyncio.Future[np.ndarray]:
    """The images' probabilities, once everything that this turn of the loop has read is run together."""
    loop = asyncio.get_running_loop()
    if not WAITING:
        loop.call_soon(run)
    future: asyncio.Future[np.ndarray] = loop.create_future()
    WAITING.append((images_NP, future))
    return future


def run() -> None:
    """One batch."""
    batch, start = WAITING.copy(), 0
    WAITING.clear()
    probs_NK = MODEL.probabilities(np.concatenate([images_NP for images_NP, _ in batch]))
    for images_NP, future in batch:
        future.set_result(probs_NK[start : start + len(images_NP)])
        start += len(images_NP)
