"""JSON Schemas of what the server takes and gives, as `protocols` does it; a test sends whatever they allow.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from typing import Any

from pigeonhole.serving.protocols.decoded import Facts

Json = dict[str, Any]
TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
BOOLEAN: Json = {"type": "boolean"}
_BYTE: Json = {"type": "integer", "minimum": 0, "maximum": 255}
_SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
_BASE64: Json = {"type": "string", "format": "byte", "minLength": 1}
_FAILURE = ("error", "message", "error_code", "request_id")


def reference(name: str) -> Json:
    """A reference to one of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(facts: Facts) -> Json:
    """All of them by name, in the dialect of OpenAPI 3."""
    return {
        "ServiceInput": _service_input(facts),
        "Prediction": _prediction(facts),
        "ServiceOutput": _service_output(),
        "Feedback": _closed(
            {
                "request_id": TEXT,
                "label": _label(facts),
                "position": {"type": "integer", "minimum": 0, "maximum": facts.max_images - 1},
            },
            ["request_id", "label"],
        ),
        "FeedbackOutput": _open({"recorded": {"type": "integer"}, "request_id": TEXT}),
        "Invocation": _invocation(facts),
        "InferenceRequest": _inference_request(facts),
        "InferenceResponse": _inference_response(),
        "ModelMetadata": _model_metadata(),
        "ErrorResponse": _open(dict.fromkeys(_FAILURE, TEXT)),
    }


def plain_service_input(facts: Facts) -> Json:
    """The usual request alone, for OpenAPI 2.0, which has no alternatives."""
    return {**_numbers(facts, _array(NUMBER, facts.size), ["0-255", "0-1"]), "example": _example(facts)}


def flat_images(facts: Facts) -> Json:
    """The images as lists of whole numbers."""
    return _up_to(facts, _array(_BYTE, facts.size))


def _service_input(facts: Facts) -> Json:
    image = _closed({"image": _BASE64, "invert": BOOLEAN}, ["image"])
    images = _closed({"images": _up_to(facts, _BASE64), "invert": BOOLEAN}, ["images"])
    whole = _numbers(facts, _row(facts, _BYTE), ["0-255"])
    decimals = _numbers(facts, _row(facts, _SHARE), ["0-1"])
    return {"anyOf": [whole, decimals, image, images], "example": _example(facts)}


def _example(facts: Facts) -> Json:
    return {"data": [[0] * facts.size]}


def _numbers(facts: Facts, row: Json, scales: list[str]) -> Json:
    scale = {"type": "string", "enum": scales}
    return _closed({"data": _up_to(facts, row), "scale": scale, "invert": BOOLEAN}, ["data"])


def _row(facts: Facts, value: Json) -> Json:
    """One image, flat or nested."""
    height, width, channels = facts.shape
    forms = [_array(value, facts.size), _array(_array(_array(value, channels), width), height)]
    if channels == 1:
        forms.append(_array(_array(value, width), height))
    return {"anyOf": forms}


def _prediction(facts: Facts) -> Json:
    return _open(
        {"label": _label(facts), "probability": NUMBER, "probabilities": _array(NUMBER, len(facts.class_names))}
    )


def _label(facts: Facts) -> Json:
    return {"type": "string", "enum": list(facts.class_names)}


def _service_output() -> Json:
    return _open(
        {
            "predictions": {"type": "array", "items": reference("Prediction")},
            "model": TEXT,
            "deployment": TEXT,
            "scale": TEXT,
            "request_id": TEXT,
            "warnings": {"type": "array", "items": TEXT},
        }
    )


def _invocation(facts: Facts) -> Json:
    forms = [*_invocation_forms(facts, _BYTE, "0-255"), *_invocation_forms(facts, _SHARE, "0-1")]
    return {"anyOf": forms}


def _invocation_forms(facts: Facts, value: Json, scale: str) -> list[Json]:
    """The four forms with numbers of one scale."""
    params = _closed({"scale": {"type": "string", "enum": [scale]}, "invert": BOOLEAN}, [])
    anything: Json = {"type": "array", "items": {}}
    images, rows = _up_to(facts, _row(facts, value)), _up_to(facts, _array(value, facts.size))
    forms = {
        "instances": images,
        "inputs": images,
        "dataframe_split": _closed({"columns": anything, "index": anything, "data": rows}, ["data"]),
        "dataframe_records": _up_to(facts, _closed({"image": _row(facts, value)}, ["image"])),
    }
    return [_closed({form: schema, "params": params}, [form]) for form, schema in forms.items()]


def _inference_request(facts: Facts) -> Json:
    binary = _open({"binary_data_size": {"type": "integer"}})
    tensor = _closed(
        {
            "name": {"type": "string", "enum": ["images"]},
            "shape": _array({"type": "integer", "minimum": 1}, 4),
            "datatype": {"type": "string", "enum": ["UINT8"]},
            "parameters": binary,
            "data": {"type": "array", "items": {}},
        },
        ["name", "shape", "datatype"],
    )
    wanted = _closed(
        {
            "name": {"type": "string", "enum": ["probabilities", "labels"]},
            "parameters": _closed({"binary_data": BOOLEAN}, []),
        },
        ["name"],
    )
    height, width, channels = facts.shape
    example = {"name": "images", "shape": [1, height, width, channels], "datatype": "UINT8", "data": [0] * facts.size}
    return {
        **_closed(
            {
                "id": TEXT,
                "inputs": _array(tensor, 1),
                "outputs": {"type": "array", "items": wanted},
                "parameters": _closed({"binary_data_output": BOOLEAN}, []),
            },
            ["inputs"],
        ),
        "example": {"inputs": [example]},
    }


def _inference_response() -> Json:
    sizes: Json = {"type": "array", "items": {"type": "integer"}}
    required = ["name", "datatype", "shape"]
    tensor = {
        **_open({"name": TEXT, "datatype": TEXT, "shape": sizes, "data": {"type": "array", "items": {}}}),
        "required": required,
    }
    outputs = {"type": "array", "items": tensor}
    return _open({"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": outputs})


def _model_metadata() -> Json:
    tensor = _open({"name": TEXT, "datatype": TEXT, "shape": {"type": "array", "items": {"type": "integer"}}})
    tensors = {"type": "array", "items": tensor}
    versions = {"type": "array", "items": TEXT}
    return _open({"name": TEXT, "versions": versions, "platform": TEXT, "inputs": tensors, "outputs": tensors})


def _array(items: Json, length: int) -> Json:
    return {"type": "array", "minItems": length, "maxItems": length, "items": items}


def _up_to(facts: Facts, items: Json) -> Json:
    return {"type": "array", "minItems": 1, "maxItems": facts.max_images, "items": items}


def _open(properties: Json) -> Json:
    """An object that is given: all of these, and perhaps more in a later version."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _closed(properties: Json, required: list[str]) -> Json:
    """An object that is taken: nothing but these."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema
