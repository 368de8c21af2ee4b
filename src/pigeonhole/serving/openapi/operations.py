"""The routes as OpenAPI 3 describes them: parameters, bodies and answers of each path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pigeonhole.serving.openapi.schemas import BOOLEAN, Json, flat_images, reference
from pigeonhole.serving.protocols.decoded import Facts

_JSON, _TEXT, _BINARY = "application/json", "text/plain", "application/octet-stream"
_FILE: Json = {"type": "string", "format": "binary"}


def paths(facts: Facts, deployments: Sequence[str], models: Mapping[str, Sequence[str]]) -> Json:
    """All routes.

    Args:
        facts: about the deployment whose images are described.
        deployments: the names that the header `azureml-model-deployment` takes.
        models: the models' names, each with its versions.
    """
    picks = _parameter("header", "azureml-model-deployment", {"type": "string", "enum": list(deployments)})
    return {
        "/": {"get": _operation("home", "Says Healthy", _gives("text/html", {"type": "string"}))},
        "/score": {"get": _score_by_query(facts, picks), "post": _score(facts, picks)},
        "/feedback": {
            "post": _operation("feedback", "Say what was right", _gives_json("FeedbackOutput"), _takes("Feedback"))
        },
        "/invocations": {"post": _invocations(picks)},
        "/ping": {"get": _operation("ping", "Whether requests are answered", _gives(_TEXT, {"type": "string"}))},
        "/version": {"get": _operation("version", "The server's version", _gives(_TEXT, {"type": "string"}))},
        "/metrics": {"get": _operation("metrics", "Counters for Prometheus", _gives(_TEXT, {"type": "string"}))},
        "/swagger.json": {"get": _description()},
        "/v2": {"get": _operation("server", "The server's name and extensions", _gives(_JSON, {"type": "object"}))},
        "/v2/health/live": {"get": _operation("live", "Whether the process runs", _gives(_JSON, {"type": "object"}))},
        "/v2/health/ready": {"get": _operation("ready", "Whether it can answer", _gives(_JSON, {"type": "object"}))},
        **_of_models(picks, models),
    }


def _score(facts: Facts, picks: Json) -> Json:
    takes = _takes("ServiceInput")
    files = {"type": "array", "minItems": 1, "maxItems": facts.max_images, "items": _FILE}
    form = {"type": "object", "properties": {"image": files}, "required": ["image"], "additionalProperties": False}
    takes["content"].update(
        {
            "image/png": {"schema": _FILE},
            "image/jpeg": {"schema": _FILE},
            "multipart/form-data": {"schema": form},
        }
    )
    inverts = _parameter("query", "invert", BOOLEAN)
    return _operation("score", "Classify images", _gives_json("ServiceOutput"), takes, [inverts, picks])


def _score_by_query(facts: Facts, picks: Json) -> Json:
    data = {
        "in": "query",
        "name": "data",
        "required": True,
        "description": "As in the body of POST, in JSON",
        "content": {_JSON: {"schema": flat_images(facts)}},
    }
    return _operation(
        "scoreByQuery", "Classify images in the address", _gives_json("ServiceOutput"), None, [data, picks]
    )


def _invocations(picks: Json) -> Json:
    summary = "Classify images as MLflow's clients ask"
    takes = _takes("Invocation")
    takes["content"]["text/csv"] = {"schema": {"type": "string", "description": "A header, then an image a line"}}
    return _operation("invocations", summary, _gives_json("ServiceOutput"), takes, [picks])


def _description() -> Json:
    version = _parameter("query", "version", {"type": "string", "enum": ["2", "3", "3.1"]})
    return _operation("description", "This description", _gives(_JSON, {"type": "object"}), None, [version])


def _of_models(picks: Json, models: Mapping[str, Sequence[str]]) -> Json:
    """The routes below /v2/models, with and without a version."""
    versions = sorted({version for known in models.values() for version in known})
    name = _parameter("path", "name", {"type": "string", "enum": list(models)})
    version = _parameter("path", "version", {"type": "string", "enum": versions})
    routes: Json = {}
    for place, parameters, tag in (
        ("/v2/models/{name}", [name], ""),
        ("/v2/models/{name}/versions/{version}", [name, version], "Version"),
    ):
        routes[place] = {
            "get": _operation(f"model{tag}", "Inputs and outputs", _gives_json("ModelMetadata"), None, parameters)
        }
        ready = _operation(
            f"modelReady{tag}", "Whether it can answer", _gives(_JSON, {"type": "object"}), None, parameters
        )
        routes[f"{place}/ready"] = {"get": ready}
        infer = _operation(
            f"infer{tag}", "Classify images", _inferred(), _takes("InferenceRequest"), [*parameters, picks]
        )
        routes[f"{place}/infer"] = {"post": infer}
    return routes


def _inferred() -> Json:
    answer = _gives_json("InferenceResponse")
    answer["content"][_BINARY] = {"schema": _FILE}
    return answer


def _operation(
    name: str, summary: str, gives: Json, takes: Json | None = None, parameters: Sequence[Json] = ()
) -> Json:
    failure = {"description": "A failure", "content": {_JSON: {"schema": reference("ErrorResponse")}}}
    operation: Json = {"operationId": name, "summary": summary, "responses": {"200": gives, "default": failure}}
    if takes:
        operation["requestBody"] = takes
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


def _parameter(place: str, name: str, schema: Json) -> Json:
    return {"in": place, "name": name, "required": place == "path", "schema": schema}


def _takes(schema: str) -> Json:
    return {"required": True, "content": {_JSON: {"schema": reference(schema)}}}


def _gives(kind: str, schema: Json) -> Json:
    return {"description": "The answer", "content": {kind: {"schema": schema}}}


def _gives_json(schema: str) -> Json:
    return _gives(_JSON, reference(schema))
