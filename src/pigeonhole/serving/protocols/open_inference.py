"""The Open Inference Protocol (v2) over REST, with its binary extension: what KServe's and Triton's clients speak.

Specification: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
Axes: N images, K classes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson

from pigeonhole.core.errors import DataError, UsageError, listing
from pigeonhole.serving.http import JSON, Headers, Reply
from pigeonhole.serving.protocols import tensors
from pigeonhole.serving.protocols.azure import check_encoding
from pigeonhole.serving.protocols.decoded import LARGE_BYTES, Decoded, Dialect, Facts, Probs, Work
from pigeonhole.serving.protocols.parsing import kind, parse, short

HEAD_LENGTH = b"inference-header-content-length"
OUTPUTS = ("probabilities", "labels")
_KEYS = ("id", "inputs", "outputs", "parameters")
_EXAMPLE = '{"inputs": [{"name": "images", "shape": [1, …], "datatype": "UINT8", "data": [0, …]}]}'
_KNOWN_BYTES = 1024
_NUMPY = orjson.OPT_SERIALIZE_NUMPY
_BINARY = b"application/octet-stream"


Outputs = tuple[tuple[str, bool], ...]


@dataclass(slots=True)
class Asked(Decoded):
    """The images, and how the answer is wanted.

    Attributes:
        id: what the sender calls the request; empty if it does not.
        outputs: the names of the wanted outputs in their order, and whether each as bytes after the JSON.
    """

    id: str = ""
    outputs: Outputs = ()


class _Head(NamedTuple):
    """What the JSON of a request says."""

    id: str
    outputs: Outputs
    tensor: tensors.Tensor


def split_model(model: str) -> tuple[str, str]:
    """Name and version of a model: `digits:3` is version 3 of `digits`; what has no version is version 1."""
    name, colon, version = model.rpartition(":")
    return (name, version) if colon else (model, "1")


def metadata(facts: Facts, versions: list[str]) -> dict[str, Any]:
    """What `GET /v2/models/NAME` tells."""
    n_classes = len(facts.class_names)
    return {
        "name": split_model(facts.model)[0],
        "versions": versions,
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": tensors.INPUT, "datatype": "UINT8", "shape": [-1, *facts.shape]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, n_classes]},
            {"name": "labels", "datatype": "BYTES", "shape": [-1]},
        ],
    }


def decode(body: bytes, headers: Headers, _query: bytes, facts: Facts) -> Asked | Work:
    """The images of an inference request.

    Raises:
        RequestError: the body is compressed (415).
        UsageError: it is not JSON, or the length of the JSON before the bytes is not right.
        DataError: its inputs, outputs or parameters are not those of this model.
    """
    check_encoding(headers)
    length = headers.get(HEAD_LENGTH)
    if length is None:
        if len(body) > LARGE_BYTES:
            return lambda: _asked(_head(body, facts), None, facts)
        return _asked(_head(body, facts), None, facts)
    head, binary = _split(body, length)
    known = _known_head if len(head) <= _KNOWN_BYTES else _head
    return _asked(known(head, facts), binary, facts)


def _asked(head: _Head, binary: bytes | None, facts: Facts) -> Asked:
    pixels = tensors.pixels(head.tensor, binary, facts)
    return Asked(pixels, head.tensor.n, id=head.id, outputs=head.outputs)


def _split(body: bytes, length: bytes) -> tuple[bytes, bytes]:
    if not length.isdigit() or len(length) > 12 or not 0 < int(length) <= len(body):
        raise UsageError(
            f"Inference-Header-Content-Length: {length[:40].decode('latin-1')} and a body of {len(body):,} bytes",
            "the length in bytes of the JSON with which the body begins",
            "correct the header, or leave it out if the whole body is JSON",
        )
    return body[: int(length)], body[int(length) :]


def _head(content: bytes, facts: Facts) -> _Head:
    """The JSON of a request, checked."""
    request = parse(content, _EXAMPLE)
    if not isinstance(request, dict):
        raise DataError(f"a JSON {kind(request)}", _EXAMPLE, "send a JSON object")
    problems = [f"{short(key)}: unknown key" for key in request if key not in _KEYS]
    identity = request.get("id", "")
    if not isinstance(identity, str):
        problems.append(f"id: {short(identity)}, not a text")
    as_bytes, wrong = _binary_by_default(request.get("parameters", {}))
    outputs, more = _outputs(request.get("outputs"), as_bytes)
    problems += wrong + more
    if problems:
        raise DataError(f"the request:\n{listing(problems)}", _EXAMPLE, "correct the keys named above")
    return _Head(identity, outputs, tensors.read(request.get("inputs"), facts))


# A client writes the same JSON before the bytes of each image: it is read and checked once, which saves 4 of 6 µs.
_known_head = functools.lru_cache(maxsize=256)(_head)


def _binary_by_default(parameters: Any) -> tuple[bool, list[str]]:
    if not isinstance(parameters, dict):
        return False, [f"parameters: {short(parameters)}, not an object"]
    value = parameters.get("binary_data_output", False)
    problems = [] if isinstance(value, bool) else [f"parameters: binary_data_output {short(value)}, not true or false"]
    # A priority or a sequence would change what is done; whoever asks for one must not believe that it was heeded.
    problems += [f"parameters: {short(key)} is not supported" for key in parameters if key != "binary_data_output"]
    return value is True, problems


def _outputs(outputs: Any, as_bytes: bool) -> tuple[Outputs, list[str]]:
    """The wanted outputs, and what is wrong with the asking."""
    if outputs is None or outputs == []:
        return tuple((name, as_bytes) for name in OUTPUTS), []
    if not isinstance(outputs, list):
        return (), [f"outputs: {short(outputs)}, not a list"]
    wanted: dict[str, bool] = {}
    problems = []
    for index, output in enumerate(outputs):
        problem = _unfit_output(output)
        if problem is None and output["name"] in wanted:
            problem = f"{output['name']} a second time"
        if problem:
            problems.append(f"outputs[{index}]: {problem}")
            continue
        wanted[output["name"]] = output.get("parameters", {}).get("binary_data", as_bytes)
    return tuple(wanted.items()), problems


def _unfit_output(output: Any) -> str | None:
    if not isinstance(output, dict) or output.get("name") not in OUTPUTS:
        return f"{short(output)}, not one of {' and '.join(OUTPUTS)}"
    if other := [key for key in output if key not in ("name", "parameters")]:
        return f"{', '.join(map(short, other))}, not name and parameters"
    parameters = output.get("parameters", {})
    if not isinstance(parameters, dict) or set(parameters) - {"binary_data"}:
        return f"parameters {short(parameters)}, of which only binary_data is supported"
    value = parameters.get("binary_data", False)
    return None if isinstance(value, bool) else f"binary_data {short(value)}, not true or false"


def encode(decoded: Decoded, probs_NK: Probs, facts: Facts, request_id: str) -> Reply:
    """The answer, with the outputs that were wanted as bytes after the JSON."""
    assert isinstance(decoded, Asked)  # noqa: S101 - `decode` makes no other
    name, version = split_model(facts.model)
    outputs, pieces = [], []
    for output, as_bytes in decoded.outputs:
        told, piece = _FILL[output](probs_NK, facts, as_bytes)
        outputs.append({"name": output, **told})
        pieces.append(piece)
    head = {"model_name": name, "model_version": version, "id": decoded.id or request_id, "outputs": outputs}
    content = orjson.dumps(head, option=_NUMPY)
    binary = b"".join(pieces)
    if not any(as_bytes for _, as_bytes in decoded.outputs):
        return Reply(200, content, JSON)
    return Reply(200, content + binary, _BINARY, ((HEAD_LENGTH, b"%d" % len(content)),))


def _probabilities(probs_NK: Probs, _facts: Facts, as_bytes: bool) -> tuple[dict[str, Any], bytes]:
    told: dict[str, Any] = {"datatype": "FP32", "shape": list(probs_NK.shape)}
    if not as_bytes:
        return {**told, "data": probs_NK.ravel()}, b""
    piece = probs_NK.astype("<f4", copy=False).tobytes()
    return {**told, "parameters": {"binary_data_size": len(piece)}}, piece


def _labels(probs_NK: Probs, facts: Facts, as_bytes: bool) -> tuple[dict[str, Any], bytes]:
    classes = probs_NK.argmax(axis=1).tolist()
    told: dict[str, Any] = {"datatype": "BYTES", "shape": [len(classes)]}
    if not as_bytes:
        return {**told, "data": [facts.class_names[k] for k in classes]}, b""
    names = _framed(facts.class_names)
    piece = b"".join([names[k] for k in classes])
    return {**told, "parameters": {"binary_data_size": len(piece)}}, piece


@functools.lru_cache(maxsize=32)
def _framed(class_names: tuple[str, ...]) -> list[bytes]:
    """Each name as an element of a BYTES tensor: its length in four bytes, then itself in UTF-8."""
    names = [name.encode() for name in class_names]
    return [np.uint32(len(name)).astype("<u4").tobytes() + name for name in names]


_FILL = {"probabilities": _probabilities, "labels": _labels}
INFER = Dialect(decode, encode, "/v2/models/{model}/infer")
