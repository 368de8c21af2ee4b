"""The request that a `@rawhttp` script gets, and the response that it may give: Flask's own, by Azure's names."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import flask

from pigeonhole.scripts.asking import Answer

FAILED = "x-ms-run-function-failed"


class AMLRequest(flask.Request):
    """A whole HTTP request: `method`, `args`, `headers`, `files`, `form`, `get_data()`, `get_json()`."""


class AMLResponse(flask.Response):
    """An answer with its own status and headers.

    Args:
        message: text, bytes, or with `json_str` what becomes JSON; `None` becomes `{}`.
        status_code: the HTTP status.
        response_headers: name → value; values with commas become several headers.
        json_str: whether the message is turned into JSON.
        run_function_failed: what the header `x-ms-run-function-failed` says.
    """

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        if message is None or json_str:
            text = json.dumps({} if message is None else message)
            super().__init__(text, status=status_code, mimetype="application/json")
        else:
            super().__init__(message, status=status_code)
        given = dict(response_headers or {})
        if any(name.lower() == "content-type" for name in given):
            self.headers.remove("Content-Type")
        self.headers[FAILED] = str(run_function_failed)
        for name, value in given.items():
            for part in value.split(","):
                self.headers.add(name, part.strip())


def request_of(head: Mapping[str, Any], content: bytes) -> AMLRequest:
    """The request that a message tells of."""
    environment: dict[str, Any] = {
        "REQUEST_METHOD": head["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": head["path"],
        "QUERY_STRING": head["query"],
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(content)),
        "CONTENT_TYPE": head["headers"].get("content-type", ""),
        "wsgi.input": io.BytesIO(content),
        "wsgi.url_scheme": "http",
    }
    for name, value in head["headers"].items():
        if name not in ("content-type", "content-length", "transfer-encoding"):
            environment[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return AMLRequest(environment)


def answer_of(response: flask.Response, exec_ms: float) -> Answer:
    """What a response of the script says; one that streams is read to its end."""
    response.direct_passthrough = False
    told = response.headers.get(FAILED, "False").lower() == "true"
    headers = tuple((name, value) for name, value in response.headers if name.lower() not in ("content-type", FAILED))
    return Answer(
        status=response.status_code,
        content=response.get_data(),
        content_type=response.headers.get("Content-Type", ""),
        headers=headers,
        failed=told or response.status_code >= 500,
        exec_ms=exec_ms,
    )
