"""Any error → the reply with the one JSON body that every client of every protocol can read."""

from __future__ import annotations

import logging
import re

import orjson

from pigeonhole.core.errors import PigeonholeError
from pigeonhole.serving.http import JSON, Reply, RequestError

logger = logging.getLogger("pigeonhole.serving")
# What Azure's gateway says about a model that failed behind it.
_MODEL_ERROR = ((b"ms-azureml-model-error-statuscode", b"500"), (b"ms-azureml-model-error-reason", b"model_failed"))


def failure(message: str, error_code: str, request_id: str) -> bytes:
    """The body of every answer that is no success.

    Args:
        message: what was received, what is accepted, what to do next. It stands under `error` too, which is where
            the Open Inference Protocol has it; Azure's and MLflow's clients look under `message`.
        error_code: a short name that programs may rely on.
        request_id: as in the header x-request-id and in the log.
    """
    return orjson.dumps({"error": message, "message": message, "error_code": error_code, "request_id": request_id})


def failed(error: Exception, request_id: str, *, deployed: bool = False) -> Reply:
    """The answer to a request that failed; an unforeseen reason goes into the log with its traceback.

    Args:
        error: the reason.
        request_id: whose answer it is.
        deployed: whether the server stands for a deployed endpoint, which says 424 where a model by itself says 500.
    """
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, RequestError):
        status, code, message = error.status, error.code, str(error)
        headers = tuple((name.encode(), value.encode()) for name, value in error.headers.items())
    elif isinstance(error, PigeonholeError):
        status, code, message = error.http_status, error_code(error), str(error)
    else:
        logger.error("request %s failed", request_id, exc_info=error)
        status, code, headers = (424, "model_failed", _MODEL_ERROR) if deployed else (500, "internal_error", ())
        message = (
            "an unexpected error\naccepted: any request of the described form; this one may have been right\n"
            f"next: look for {request_id} in the log"
        )
    return Reply(status, failure(message, code, request_id), JSON, headers, code)


def error_code(error: PigeonholeError) -> str:
    """DataError → `data_error`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def too_many(waiting: int, what: str) -> RequestError:
    """The refusal of a server that has enough to do."""
    return RequestError(
        429,
        "too_many_waiting",
        f"a request while {waiting:,} {what} are waiting",
        "fewer at a time",
        "send it again in a second",
        {"retry-after": "1"},
    )


def waited_too_long(limit_ms: float) -> RequestError:
    """The refusal of a request whose turn did not come in time."""
    return RequestError(
        429,
        "waited_too_long",
        f"a request that waited longer than {limit_ms:.0f} ms for its turn",
        "fewer at a time",
        "send it again in a second, or deploy with more workers",
        {"retry-after": "1"},
    )


def too_slow(limit_ms: float) -> RequestError:
    """The refusal of a request whose time is over; the rest of it, if any, is not read."""
    return RequestError(
        408,
        "request_timeout",
        f"a request that took longer than {limit_ms:.0f} ms",
        f"requests that come whole and are answered within {limit_ms:.0f} ms",
        "send fewer images at a time, or over a faster connection",
        {"connection": "close"},
    )


def client_gone() -> RequestError:
    """What is counted for a request whose client went before its turn came; 499 is what nginx calls it."""
    return RequestError(
        499, "client_gone", "a connection that ended before its answer", "a client that waits", "wait for longer"
    )
