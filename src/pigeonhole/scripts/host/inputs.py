"""From a request to the arguments of run(): the body as text, named values, or the whole request."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

Head = Mapping[str, Any]
Arguments = dict[str, Any]
Reader = Callable[[Head, bytes], Arguments]
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class InputError(Exception):
    """A request that run() is not asked.

    Args:
        status: the HTTP status.
        error_code: a short name.
        text: what to say.
    """

    def __init__(self, status: int, error_code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.error_code = error_code


def text_reader(name: str) -> Reader:
    """For a run() that nothing decorates: the body as text, or the query's values as the text of a JSON object."""

    def read(head: Head, content: bytes) -> Arguments:
        if head["method"] == "GET":
            return {name: json.dumps(_of_query(head["query"]))}
        if _media_type(head) in _FORMS:
            return {name: ""}  # a form is read as one, and nothing is left: what `curl -d` sends without more
        try:
            return {name: content.decode()}
        except UnicodeDecodeError as error:
            raise InputError(400, "not_utf8", f"Input cannot be decoded as UTF-8: {error}") from None

    return read


def named_reader(parameters: Mapping[str, inspect.Parameter]) -> Reader:
    """For a run() with a schema: an argument for each key of the JSON body, or of the query."""
    needed = [name for name, one in parameters.items() if one.default is one.empty]

    def read(head: Head, content: bytes) -> Arguments:
        values = _of_query(head["query"]) if head["method"] == "GET" else _object(head, content)
        missing = [name for name in needed if name not in values]
        if missing:
            text = f"The following parameters are missing in the request: {', '.join(missing)}"
            raise InputError(400, "missing_parameter", text)
        return {name: values[name] for name in parameters if name in values}

    return read


def raw_reader(name: str) -> Reader:
    """For a run() with `@rawhttp`: the whole request."""
    from pigeonhole.scripts.host.flask_classes import request_of

    return lambda head, content: {name: request_of(head, content)}


def headers_of(head: Head) -> dict[str, str]:
    """The headers as `request_headers` has them: `Content-Type`."""
    return {name.title(): value for name, value in head["headers"].items()}


def _media_type(head: Head) -> str:
    value: str = head["headers"].get("content-type", "")
    return value.partition(";")[0].strip().lower()


def _object(head: Head, content: bytes) -> dict[str, Any]:
    kind = _media_type(head)
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise InputError(415, "unsupported_media_type", "Expects Content-Type to be application/json")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(400, "no_json", f"Input cannot be parsed as JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(400, "no_json_object", "Expects a JSON object with the parameters of run()")
    return value


def _of_query(query: str) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        found.setdefault(key, []).append(_json_or_text(text))
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
