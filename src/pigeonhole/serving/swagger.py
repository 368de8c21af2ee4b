"""The description of the scoring interface: OpenAPI 2.0 by default, as Azure ML's servers give it, or 3.0."""

from __future__ import annotations

from typing import Any

from pigeonhole.images import Shape

VERSIONS = ("2", "3")
Json = dict[str, Any]
_FAILURE = ("error", "message", "error_code", "request_id")


def description(version: str, model: str, shape: Shape, class_names: tuple[str, ...], *, keyed: bool) -> Json:
    """The OpenAPI document.

    Args:
        version: one of `VERSIONS`.
        model: the title.
        shape: (H, W, C) of the images.
        class_names: what labels there are.
        keyed: whether a key is wanted.
    """
    at = "#/definitions/" if version == "2" else "#/components/schemas/"
    schemas = _schemas(shape, class_names, at)
    paths = _paths(at, version)
    info = {"title": model, "description": f"Image classification by {model}.", "version": "1"}
    bearer: Json = {"Bearer": []}
    if version == "2":
        document: Json = {
            "swagger": "2.0",
            "info": info,
            "schemes": ["http", "https"],
            "consumes": ["application/json"],
            "produces": ["application/json"],
            "paths": paths,
            "definitions": schemas,
        }
        scheme: Json = {"type": "apiKey", "name": "Authorization", "in": "header"}
        return {**document, "securityDefinitions": {"Bearer": scheme}, "security": [bearer]} if keyed else document
    components: Json = {"schemas": schemas}
    if keyed:
        components["securitySchemes"] = {"Bearer": {"type": "http", "scheme": "bearer"}}
    document = {"openapi": "3.0.3", "info": info, "paths": paths, "components": components}
    return {**document, "security": [bearer]} if keyed else document


def _paths(at: str, version: str) -> Json:
    score = _operation("Classify images", "ServiceInput", "ServiceOutput", at, version)
    if version == "3":
        binary = {"schema": {"type": "string", "format": "binary"}}
        score["requestBody"]["content"].update({"image/png": binary, "image/jpeg": binary})
    return {
        "/": {"get": _probe("Says Healthy", version, "text/html")},
        "/score": {"post": score},
        "/feedback": {"post": _operation("Say what was right", "Feedback", "FeedbackOutput", at, version)},
        "/v2/health/live": {"get": _probe("Whether the process runs", version)},
        "/v2/health/ready": {"get": _probe("Whether it can answer", version)},
    }


def _operation(summary: str, takes: str, gives: str, at: str, version: str) -> Json:
    failure = _response("A failure", f"{at}ErrorResponse", version)
    responses = {"200": _response("The answer", f"{at}{gives}", version), "default": failure}
    operation: Json = {"operationId": takes[:1].lower() + takes[1:], "summary": summary, "responses": responses}
    reference = {"schema": {"$ref": f"{at}{takes}"}}
    if version == "2":
        operation["parameters"] = [{"in": "body", "name": "body", "required": True, **reference}]
    else:
        operation["requestBody"] = {"required": True, "content": {"application/json": reference}}
    return operation


def _response(text: str, schema: str, version: str) -> Json:
    reference = {"schema": {"$ref": schema}}
    if version == "2":
        return {"description": text, **reference}
    return {"description": text, "content": {"application/json": reference}}


def _probe(summary: str, version: str, kind: str = "application/json") -> Json:
    response: Json = {"description": "Yes"}
    if version == "2":
        return {"summary": summary, "produces": [kind], "responses": {"200": response}}
    return {"summary": summary, "responses": {"200": {**response, "content": {kind: {}}}}}


def _schemas(shape: Shape, class_names: tuple[str, ...], at: str) -> Json:
    size = shape[0] * shape[1] * shape[2]
    row = {"type": "array", "minItems": size, "maxItems": size, "items": {"type": "number"}}
    number, text = {"type": "number"}, {"type": "string"}
    prediction = {
        "label": {"type": "string", "enum": list(class_names)},
        "probability": number,
        "probabilities": {"type": "array", "items": number},
    }
    answer = {
        "predictions": {"type": "array", "items": {"$ref": f"{at}Prediction"}},
        "model": text,
        "deployment": text,
        "scale": text,
        "request_id": text,
        "warnings": {"type": "array", "items": text},
    }
    return {
        "ServiceInput": {
            **_object(
                {
                    "data": {"type": "array", "items": row},
                    "scale": {"type": "string", "enum": ["0-255", "0-1"]},
                    "invert": {"type": "boolean"},
                },
                ["data"],
            ),
            "example": {"data": [[0] * size]},
        },
        "Prediction": _object(prediction, list(prediction)),
        "ServiceOutput": _object(answer, list(answer)),
        "Feedback": _object(
            {"request_id": text, "label": prediction["label"], "position": {"type": "integer", "minimum": 0}},
            ["request_id", "label"],
        ),
        "FeedbackOutput": _object({"recorded": {"type": "integer"}, "request_id": text}, ["recorded"]),
        "ErrorResponse": _object(dict.fromkeys(_FAILURE, text), list(_FAILURE)),
    }


def _object(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required}
