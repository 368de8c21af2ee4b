"""What every description has around its routes and schemas, in each version of the format. Knows neither."""

from __future__ import annotations

from pigeonhole.serving.openapi.schemas import Json

_JSON = "application/json"
_NUMBER = {"3": "3.0.3", "3.1": "3.1.0"}


def openapi(version: str, info: Json, routes: Json, definitions: Json, *, keyed: bool) -> Json:
    """OpenAPI `3` or `3.1`; with `keyed`, every route wants a key."""
    components: Json = {"schemas": definitions}
    told: Json = {"openapi": _NUMBER[version], "info": info, "paths": routes, "components": components}
    if keyed:
        components["securitySchemes"] = {"Bearer": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"Bearer": []}]
    return told


def swagger(info: Json, routes: Json, definitions: Json, *, keyed: bool) -> Json:
    """Swagger 2.0, likewise."""
    told: Json = {
        "swagger": "2.0",
        "info": info,
        "schemes": ["http", "https"],
        "consumes": [_JSON],
        "produces": [_JSON],
        "paths": routes,
        "definitions": definitions,
    }
    if keyed:
        told["securityDefinitions"] = {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}}
        told["security"] = [{"Bearer": []}]
    return told
