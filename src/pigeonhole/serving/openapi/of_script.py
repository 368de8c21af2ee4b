"""What a script's /score takes and gives, as OpenAPI: what its decorators say, else any JSON."""

from __future__ import annotations

from typing import Any

from pigeonhole.serving.openapi.envelope import openapi, swagger
from pigeonhole.serving.openapi.schemas import Json
from pigeonhole.serving.scripted.deployment import Scripted

_JSON = "application/json"
_ANY: Json = {"type": "object", "example": {}}


def script_document(version: str, deployment: Scripted, *, keyed: bool) -> Json:
    """The OpenAPI document.

    Args:
        version: `2`, `3` or `3.1`.
        deployment: whose script is described.
        keyed: whether a key is wanted.
    """
    info = {"title": deployment.model, "description": f"The script of {deployment.model}.", "version": "1"}
    definitions = {
        "ServiceInput": _schema(deployment, "input"),
        "ServiceOutput": _schema(deployment, "output"),
        "Failure": {"type": "object", "properties": {"message": {"type": "string"}}},
    }
    if version == "2":
        return _swagger(info, definitions, keyed=keyed)
    score = _operation({"200": _told("ServiceOutput"), "default": _told("Failure")})
    score["requestBody"] = {"required": True, "content": {_JSON: {"schema": _refer("ServiceInput")}}}
    home = _home({"content": {"text/html": {"schema": {"type": "string"}}}})
    return openapi(version, info, {"/": home, "/score": {"post": score}}, definitions, keyed=keyed)


def _swagger(info: Json, definitions: Json, *, keyed: bool) -> Json:
    answers = {
        status: {"description": name, "schema": {"$ref": f"#/definitions/{name}"}}
        for status, name in (("200", "ServiceOutput"), ("default", "Failure"))
    }
    score = _operation(answers)
    body = {"in": "body", "name": "body", "required": True, "schema": {"$ref": "#/definitions/ServiceInput"}}
    score["parameters"] = [body]
    routes = {"/": _home({"schema": {"type": "string"}}), "/score": {"post": score}}
    return swagger(info, routes, definitions, keyed=keyed)


def _schema(deployment: Scripted, which: str) -> Json:
    found: Any = deployment.runner.schema.get(which)
    return found if isinstance(found, dict) else dict(_ANY)


def _operation(responses: Json) -> Json:
    return {"operationId": "score", "summary": "Ask the script", "responses": responses}


def _home(gives: Json) -> Json:
    answer = {"description": "The server runs", **gives}
    return {"get": {"operationId": "home", "summary": "Says Healthy", "responses": {"200": answer}}}


def _told(name: str) -> Json:
    return {"description": name, "content": {_JSON: {"schema": _refer(name)}}}


def _refer(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
