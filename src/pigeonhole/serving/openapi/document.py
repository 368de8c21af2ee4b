"""The whole description in the version that is asked for: 3.0 and 3.1 as they are, 2.0 by turning 3.0 into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pigeonhole.serving.openapi.envelope import openapi, swagger
from pigeonhole.serving.openapi.operations import paths
from pigeonhole.serving.openapi.schemas import Json, plain_service_input, schemas
from pigeonhole.serving.protocols.decoded import Facts

VERSIONS = ("2", "3", "3.1")
_JSON = "application/json"


def document(
    version: str, facts: Facts, deployments: Sequence[str], models: Mapping[str, Sequence[str]], *, keyed: bool
) -> Json:
    """The OpenAPI document.

    Args:
        version: one of `VERSIONS`; 2 is what Azure ML's servers give.
        facts: about the deployment whose images and labels are described.
        deployments: the names of all.
        models: the models' names, each with its versions.
        keyed: whether a key is wanted.
    """
    info = {"title": facts.model, "description": f"Image classification by {facts.model}.", "version": "1"}
    routes, definitions = paths(facts, deployments, models), schemas(facts)
    if version == "2":
        return _swagger(info, routes, definitions, facts, keyed=keyed)
    return openapi(version, info, routes, definitions, keyed=keyed)


def _swagger(info: Json, routes: Json, definitions: Json, facts: Facts, *, keyed: bool) -> Json:
    older = {path: {method: _older(one) for method, one in methods.items()} for path, methods in routes.items()}
    simpler = {name: _simplified(schema) for name, schema in definitions.items()}
    simpler["ServiceInput"] = _simplified(plain_service_input(facts))
    return swagger(info, older, simpler, keyed=keyed)


def _older(operation: Json) -> Json:
    """An operation as 2.0 writes it: the JSON body is a parameter, and an answer has one schema."""
    older = {key: value for key, value in operation.items() if key not in ("requestBody", "parameters", "responses")}
    parameters = [_older_parameter(parameter) for parameter in operation.get("parameters", [])]
    if "requestBody" in operation:
        schema = _simplified(operation["requestBody"]["content"][_JSON]["schema"])
        parameters.append({"in": "body", "name": "body", "required": True, "schema": schema})
    responses = operation["responses"]
    older["responses"] = {status: _older_response(response) for status, response in responses.items()}
    older["produces"] = list(dict.fromkeys(kind for response in responses.values() for kind in response["content"]))
    return {**older, "parameters": parameters} if parameters else older


def _older_parameter(parameter: Json) -> Json:
    """What is JSON in the address is a text in 2.0."""
    rest = {key: value for key, value in parameter.items() if key not in ("schema", "content")}
    return {**rest, **parameter.get("schema", {"type": "string"})}


def _older_response(response: Json) -> Json:
    schema = next(iter(response["content"].values()))["schema"]
    return {"description": response["description"], "schema": _simplified(schema)}


def _simplified(schema: Any) -> Any:
    """A schema without what 2.0 lacks: of alternatives the first is told, and references lead elsewhere."""
    if isinstance(schema, list):
        return [_simplified(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "anyOf" in schema:
        return _simplified(schema["anyOf"][0])
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("#/components/schemas/", "#/definitions/")}
    return {key: _simplified(value) for key, value in schema.items()}
