"""The JSON body that asks an endpoint about images of a dataset. Nothing is sent from here."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import UsageError

SCALES = ("0-255", "0-1")


def request_body(images_NHWC: NDArray[np.uint8], *, scale: str = "0-255") -> str:
    """The JSON text to POST to /score: `{"data": [[a number a pixel and channel], …]}`.

    Args:
        images_NHWC: N images, uint8, [N, H, W, C].
        scale: `0-255` writes integers; `0-1` writes decimals that round back to the same integers. A body whose
            numbers do not show their scale (no value above 1) also says it in `scale`.

    Raises:
        UsageError: another scale.
    """
    if scale not in SCALES:
        raise UsageError(f"the scale {scale!r}", " or ".join(SCALES), "choose one of these")
    rows = np.asarray(images_NHWC).reshape(len(images_NHWC), -1)
    if scale == "0-1":
        return json.dumps({"data": [[round(value / 255, 6) for value in row] for row in rows.tolist()]})
    body: dict[str, Any] = {"data": rows.tolist()}
    if rows.size and rows.max() <= 1:
        body["scale"] = scale
    return json.dumps(body)
