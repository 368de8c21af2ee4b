"""From what run() gave, or raised, to an answer. Sends nothing."""

from __future__ import annotations

import json
import sys
from typing import Any

from pigeonhole.scripts.asking import Answer
from pigeonhole.scripts.frames import MAX_BODY_BYTES
from pigeonhole.scripts.host.inputs import InputError
from pigeonhole.scripts.host.telling import tell

# Word for word what Azure ML's server says: clients and tutorials look for these.
RUN_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."
NOT_SERIALISABLE = "An unexpected internal error occurred. Check the logs for more info."


def answer_of(value: Any, exec_ms: float) -> Answer:
    """The answer that a returned value makes: a response as it is, anything else as JSON, and `None` as `{}`."""
    try:
        return _sized(_answer(value, exec_ms))
    except Exception as error:  # noqa: BLE001 - the value is the user's: turning it into bytes may raise anything
        tell("the answer of run() cannot be sent", error)
        return _failure(500, NOT_SERIALISABLE, "script_answer_unfit", exec_ms=exec_ms)


def failed(exec_ms: float) -> Answer:
    """The answer where run() raised; the traceback is in the log."""
    return _failure(500, RUN_FAILED, "script_failed", failed=True, exec_ms=exec_ms)


def refused(error: InputError) -> Answer:
    """The answer where run() was not asked."""
    return _failure(error.status, str(error), error.error_code)


def _answer(value: Any, exec_ms: float) -> Answer:
    flask: Any = sys.modules.get("flask")
    if flask is not None and isinstance(value, flask.Response):
        from pigeonhole.scripts.host.flask_classes import answer_of as of_response

        return of_response(value, exec_ms)
    text = "{}" if value is None else json.dumps(value)
    return Answer(200, text.encode(), "application/json", exec_ms=exec_ms)


def _sized(answer: Answer) -> Answer:
    if len(answer.content) > MAX_BODY_BYTES:
        raise ValueError(f"an answer of {len(answer.content):,} bytes, where {MAX_BODY_BYTES:,} can be sent")
    return answer


def _failure(status: int, text: str, error_code: str, *, failed: bool = False, exec_ms: float = 0.0) -> Answer:
    return Answer(status, text.encode(), failed=failed, exec_ms=exec_ms, error_code=error_code)
