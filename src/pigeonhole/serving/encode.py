"""Probabilities → the JSON of an answer, and the one JSON body of every failure. Plain functions, no HTTP.

Axes: N images, K classes.
"""

from __future__ import annotations

import http
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from pigeonhole.core.errors import PigeonholeError
from pigeonhole.serving.decode import Decoded

_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def answer(
    decoded: Decoded,
    probs_NK: npt.NDArray[np.float32],
    class_names: Sequence[str],
    model: str,
    deployment: str,
    request_id: str,
) -> bytes:
    """The body of a 200 from `POST /score`; floats have the fewest digits that give the same float32 again."""
    rows = zip(probs_NK.argmax(axis=1).tolist(), probs_NK, strict=True)
    return orjson.dumps(
        {
            "predictions": [
                {"label": class_names[k], "probability": probs_K[k], "probabilities": probs_K} for k, probs_K in rows
            ],
            "model": model,
            "deployment": deployment,
            "scale": decoded.scale,
            "request_id": request_id,
            "warnings": decoded.warnings,
        },
        option=_NUMPY,
    )


def failure(status: int, message: str, error_code: str, request_id: str) -> bytes:
    """The body of every answer that is no success.

    Args:
        status: the HTTP status; its phrase becomes `error`.
        message: what was received, what is accepted, what to do next.
        error_code: a short name that programs may rely on.
        request_id: as in the header x-request-id and in the log.
    """
    body: dict[str, Any] = {
        "error": http.HTTPStatus(status).phrase,
        "message": message,
        "error_code": error_code,
        "request_id": request_id,
    }
    return orjson.dumps(body)


def error_code(error: PigeonholeError) -> str:
    """DataError → `data_error`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
