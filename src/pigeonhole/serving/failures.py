"""Any error → the reply with the one JSON body."""

from __future__ import annotations

import logging

from pigeonhole.core.errors import PigeonholeError
from pigeonhole.serving.encode import error_code, failure
from pigeonhole.serving.http import JSON, Reply, RequestError

logger = logging.getLogger("pigeonhole.serving")


def failed(error: Exception, request_id: str) -> Reply:
    """The answer to a request that failed; an unforeseen reason goes into the log with its traceback."""
    if isinstance(error, RequestError):
        status, code, message, headers = error.status, error.code, str(error), error.headers
    elif isinstance(error, PigeonholeError):
        status, code, message, headers = error.http_status, error_code(error), str(error), {}
    else:
        logger.error("request %s failed", request_id, exc_info=error)
        status, code, headers = 500, "internal_error", {}
        message = f"an unexpected error\nnext: look for {request_id} in the endpoint's log"
    return Reply(status, failure(status, message, code, request_id), JSON, headers, code)


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
