"""What a script answered, as HTTP: by itself as Azure ML's server says it, behind an endpoint as its gateway does."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from http import HTTPStatus

from pigeonhole.scripts import Answer, Unanswered
from pigeonhole.scripts.asking import Outcome
from pigeonhole.serving.failures import failure
from pigeonhole.serving.http import JSON, Fields, Reply

logger = logging.getLogger("pigeonhole.serving")
# Word for word what Azure ML's server says: clients and tutorials look for these.
RUN_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."
UNFIT = "An unexpected internal error occurred. Check the logs for more info."
TOO_SLOW = "Scoring timeout after {:.0f} ms"
_KNOWN = {status.value for status in HTTPStatus}
_WITHOUT_BODY = (204, 205, 304)
_NAME, _VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# What belongs to the connection, and what the server says of every answer itself.
_OURS = {
    *("connection", "content-length", "content-type", "date", "keep-alive", "server", "te", "trailer"),
    *("transfer-encoding", "upgrade", "azureml-model-deployment", "x-request-id", "x-ms-request-id"),
    *("x-ms-client-request-id", "x-ms-run-fn-exec-ms", "x-ms-run-function-failed", "x-ms-server-version"),
}


def reply_to(outcome: Outcome, request_id: str, limit_ms: float, *, deployed: bool) -> tuple[Reply, Answer]:
    """The reply, and the answer that it is made of, which is one of ours where the script gave none.

    Args:
        outcome: what came of asking.
        request_id: whose answer it is.
        limit_ms: how long the script may take.
        deployed: whether the server stands for a deployed endpoint, which says 424 of whatever is not 200.
    """
    answer = _given(outcome, request_id, limit_ms)
    if answer.error_code:
        content, kind = failure(answer.content.decode(errors="replace"), answer.error_code, request_id), JSON
    else:
        content, kind = answer.content, answer.content_type.encode("latin-1")
    code = answer.error_code or ("script_response" if answer.status >= 400 else None)
    headers = tuple((name.encode(), value.encode("latin-1")) for name, value in _own(answer))
    if not deployed or answer.status == HTTPStatus.OK:
        return Reply(answer.status, b"" if answer.status in _WITHOUT_BODY else content, kind, headers, code), answer
    code = code or "script_response"
    why: Fields = (
        (b"ms-azureml-model-error-statuscode", b"%d" % answer.status),
        (b"ms-azureml-model-error-reason", code.encode()),
    )
    return Reply(424, content, kind, headers + why, code), answer


def _given(outcome: Outcome, request_id: str, limit_ms: float) -> Answer:
    if isinstance(outcome, Unanswered):
        if outcome.is_late:
            text = TOO_SLOW.format(limit_ms)
            return Answer(500, text.encode(), failed=True, exec_ms=limit_ms, error_code="scoring_timeout")
        logger.error("request %s was not answered by its script: %s", request_id, outcome.why)
        return Answer(500, RUN_FAILED.encode(), failed=True, error_code="script_lost")
    if problems := list(_problems(outcome)):
        logger.error("request %s: the script's answer cannot be sent: %s", request_id, "; ".join(problems))
        return Answer(500, UNFIT.encode(), exec_ms=outcome.exec_ms, error_code="script_answer_unfit")
    return outcome


def _problems(answer: Answer) -> Iterator[str]:
    if answer.status not in _KNOWN:
        yield f"the status {answer.status}, which HTTP does not have"
    for name, value in (("content-type", answer.content_type), *answer.headers):
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            yield f"the header {name!r} with the value {value!r}"


def _own(answer: Answer) -> Iterator[tuple[str, str]]:
    """The headers that are the script's to say."""
    return ((name, value) for name, value in answer.headers if name.lower() not in _OURS)
