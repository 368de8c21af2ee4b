"""`POST /feedback`: the true label of an answered image → a row in the prediction log's feedback."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import orjson

from pigeonhole.core.errors import DataError, NotFoundError, UsageError, listing
from pigeonhole.predictions import PredictionLog, add_feedback
from pigeonhole.serving.failures import failed, too_many
from pigeonhole.serving.http import Reply, Request, RequestError, Respond

THREADS = 4
MAX_WAITING = 1000
# Another process may have answered the request a moment ago, and logs are written behind the answers, ten times a
# second. Only an id as servers make them is waited for.
WAIT_S, LOOK_S = 1.0, 0.05
_ID = re.compile(rb'"[0-9a-f]{12}-[0-9a-f]')
_EXAMPLE = '{"request_id": "…", "label": "7", "position": 0}'


class FeedbackTaker:
    """Takes feedback on what this endpoint answered.

    Args:
        logs: the prediction logs of its deployments; without one there is nothing to say what was right about.
        source: what the request ids of this process begin with.
    """

    def __init__(self, logs: Sequence[PredictionLog], source: str) -> None:
        self._logs = logs
        self._source = source
        self._waiting = 0
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="feedback")

    def take(self, request: Request, respond: Respond) -> None:
        """Records one label; it is on the disk when the answer goes out."""
        if not self._logs:
            raise RequestError(
                501,
                "no_prediction_log",
                "feedback to a server that keeps no prediction log",
                "feedback to a deployed endpoint",
                "deploy the model (pigeonhole deploy) instead of serving a bundle by itself",
            )
        body, loop = request.body(), asyncio.get_running_loop()
        if self._waiting >= MAX_WAITING:
            raise too_many(self._waiting, "feedbacks")
        self._waiting += 1
        end_s = loop.time() + (WAIT_S if _ID.search(body) else 0.0)

        def attempt() -> None:
            self._executor.submit(record_feedback, self._logs, self._source, body).add_done_callback(finished)

        def finished(done: Future[None]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(back, done)

        def back(done: Future[None]) -> None:
            if isinstance(done.exception(), NotFoundError) and loop.time() < end_s:
                # No thread is held meanwhile: others give feedback too.
                loop.call_later(LOOK_S, attempt)
            else:
                self._waiting -= 1
                _acknowledge(done, request, respond)

        attempt()

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _acknowledge(recorded: Future[None], request: Request, respond: Respond) -> None:
    try:
        recorded.result()
        reply = Reply(200, orjson.dumps({"recorded": 1, "request_id": request.id}))
    except Exception as error:  # noqa: BLE001 - the edge of a request
        reply = failed(error, request.id)
    respond(reply)


def record_feedback(logs: Sequence[PredictionLog], source: str, body: bytes) -> None:
    """Records the true label of one image.

    Raises:
        UsageError: the body is not JSON.
        DataError: a key is missing, unknown or unfit, or the model has no such class.
        NotFoundError: this endpoint gave no such request id.
    """
    request_id, label, position = _fields(body)
    log = logs[0]  # all of them write to the same tables
    try:
        add_feedback(log.database, log.endpoint, request_id, label, position)
    except NotFoundError:
        if not request_id.startswith(f"{source}-"):
            raise
        # The log is written behind the requests: an answer of a moment ago may still be on its way.
        for waiting in logs:
            waiting.flush()
        add_feedback(log.database, log.endpoint, request_id, label, position)


def _fields(body: bytes) -> tuple[str, str, int]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the body is not JSON: {error}", _EXAMPLE, "send JSON") from None
    if not isinstance(value, dict):
        raise DataError("JSON, but no object", _EXAMPLE, "send one object for each image")
    position, label = value.get("position", 0), value.get("label")
    problems = [f"{key}: unknown key" for key in value if key not in ("request_id", "label", "position")]
    problems += _unfit(value.get("request_id"), "request_id", (str,))
    problems += _unfit(label, "label", (str, int))
    problems += _unfit(position, "position", (int,))
    if problems:
        raise DataError(f"the feedback:\n{listing(problems)}", _EXAMPLE, "correct the keys named above")
    return value["request_id"], str(label), position


def _unfit(value: Any, key: str, kinds: tuple[type, ...]) -> list[str]:
    if isinstance(value, kinds) and not isinstance(value, bool):
        return []
    return [f"{key}: {'missing' if value is None else repr(value)}"]
