"""`POST /score`, as Azure ML's tutorials call it: JSON rows, one image file, a form with files, or files in base64.

Axes: N images, K classes.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import orjson

from pigeonhole.core.errors import DataError, listing
from pigeonhole.serving.http import Headers, Reply, RequestError
from pigeonhole.serving.protocols import base64_images, image_body, multipart, pieces, rows
from pigeonhole.serving.protocols.decoded import (
    LARGE_BYTES,
    SCALES,
    Decoded,
    Dialect,
    Facts,
    Probs,
    Work,
    finished,
    inverted,
)
from pigeonhole.serving.protocols.parsing import EXAMPLE, kind, parse, unfit_count, unfit_options, unknown

KEYS = ("data", "scale", "invert")
_ROWS = (b"data",)
_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def decode(body: bytes, headers: Headers, query: bytes, facts: Facts) -> Decoded | Work:
    """The images of a request to /score.

    Raises:
        RequestError: the content type is none of those accepted (415).
        UsageError: the body is of no kind that is accepted.
        DataError: it is, and its images cannot be used.
    """
    content_type = headers.get(b"content-type", b"")
    if b"content-encoding" in headers:
        check_encoding(headers)
    if image_body.is_image(body, content_type):
        return image_body.decode(body, headers, query, facts)
    if content_type.startswith(b"multipart/"):
        return _form(body, headers, query, facts)
    decoded = decode_json(body, facts)
    if not query or not image_body.asks_to_invert(query):
        return decoded
    return inverted(decoded) if isinstance(decoded, Decoded) else lambda: inverted(finished(decoded))


def decode_json(body: bytes, facts: Facts) -> Decoded | Work:
    """The images in `{"data": [[…], …]}`, `{"image": "…"}` or `{"images": ["…"]}`.

    Raises:
        UsageError: the body is not JSON.
        DataError: it is, and its images cannot be used; every position is named, up to ten.
    """
    if len(body) > LARGE_BYTES:
        return lambda: pieces.quick(body, _ROWS, facts) or finished(_read(body, facts))
    return _read(body, facts)


def decode_query(_body: bytes, _headers: Headers, query: bytes, facts: Facts) -> Decoded | Work:
    """`GET /score?data=[[…]]`: each parameter is JSON, or else a text, and together they are the request.

    Raises:
        DataError: the images cannot be used.
    """
    return decode_object({key: _json_or_text(value) for key, value in parse_qsl(query.decode("latin-1"))}, facts)


def decode_object(request: Any, facts: Facts) -> Decoded | Work:
    """The images in a body that has been parsed.

    Raises:
        DataError: a key is missing, unknown or unfit; all of them are named. Or a value is.
    """
    if base64_images.is_images(request):
        return base64_images.decode(request, facts)
    if not isinstance(request, dict):
        raise DataError(
            f"a JSON {kind(request)}", f"a JSON object: {EXAMPLE}", 'put the images in a list under the key "data"'
        )
    problems = [unknown(key, KEYS) for key in request if key not in KEYS]
    problems += unfit_count("data", request.get("data"), "data" in request, facts.max_images)
    problems += unfit_options(request, SCALES)
    if problems:
        raise DataError(
            f"the request:\n{listing(problems)}",
            f'{EXAMPLE}, and if need be "scale": "0-255" or "0-1", "invert": true',
            "correct the keys named above",
        )
    return rows.read(request["data"], "data", facts, request.get("scale"), invert=request.get("invert", False))


def check_encoding(headers: Headers) -> None:
    """Refuses a compressed body.

    Raises:
        RequestError: it is one (415).
    """
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding != b"identity":
        raise _unsupported(encoding)


def _form(body: bytes, headers: Headers, query: bytes, facts: Facts) -> Work:
    if not headers[b"content-type"].startswith(multipart.KIND):
        raise _unsupported(headers[b"content-type"])
    return multipart.decode(body, headers, query, facts)


def _read(body: bytes, facts: Facts) -> Decoded | Work:
    request = parse(body)
    # Of all JSON, only true has a u and only false an f, once the keys are known; looking for one letter takes
    # 0.05 µs, for a word 1.5.
    if type(request) is dict and len(request) == 1 and "data" in request and b"u" not in body and b"f" not in body:
        decoded = rows.quick(request["data"], facts)
        if decoded is not None:
            return decoded
    return decode_object(request, facts)


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _unsupported(what: bytes) -> RequestError:
    return RequestError(
        415,
        "unsupported_media_type",
        f"a body of type {what.decode('latin-1')}",
        "application/json, image/png, image/jpeg or multipart/form-data, not compressed",
        "with curl, send a file by --data-binary @FILE or -F image=@FILE",
    )


def encode(decoded: Decoded, probs_NK: Probs, facts: Facts, request_id: str) -> Reply:
    """The answer; floats have the fewest digits that give the same float32 again."""
    names = facts.class_names
    each = zip(probs_NK.argmax(axis=1).tolist(), probs_NK, strict=True)
    return Reply(
        200,
        orjson.dumps(
            {
                "predictions": [
                    {"label": names[k], "probability": probs_K[k], "probabilities": probs_K} for k, probs_K in each
                ],
                "model": facts.model,
                "deployment": facts.deployment,
                "scale": decoded.scale,
                "request_id": request_id,
                "warnings": decoded.warnings,
            },
            option=_NUMPY,
        ),
    )


SCORE = Dialect(decode, encode)
SCORE_BY_QUERY = Dialect(decode_query, encode)
