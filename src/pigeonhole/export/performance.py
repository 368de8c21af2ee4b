"""How fast an exported model answers on one thread, for the manifest. A figure to compare, no benchmark."""

from __future__ import annotations

import platform
import time
from typing import Any

import numpy as np

from pigeonhole.bundle.session import runtime
from pigeonhole.export.verification import open_model
from pigeonhole.models.trained import Images

_BATCHES = (1, 32)
_BUDGET_S = 0.1
_LEAST_RUNS = 3


def latency(onnx_model: bytes, images_NHWC: Images) -> dict[str, Any]:
    """Median microseconds an image at batch 1 and 32 on one thread, with what they were measured on."""
    session = open_model(onnx_model, threads=1)
    figures = {f"us_per_image_batch_{size}": _median_us(session, images_NHWC, size) for size in _BATCHES}
    return {**figures, "threads": 1, "onnxruntime": runtime().__version__, "machine": platform.machine()}


def _median_us(session: Any, images_NHWC: Images, size: int) -> float:
    batch_NHWC = np.ascontiguousarray(np.resize(images_NHWC, (size, *images_NHWC.shape[1:])))
    session.run(None, {"images": batch_NHWC})  # the first run allocates
    times_s: list[float] = []
    while len(times_s) < _LEAST_RUNS or sum(times_s) < _BUDGET_S:
        start = time.perf_counter()
        session.run(None, {"images": batch_NHWC})
        times_s.append(time.perf_counter() - start)
    return round(float(np.median(times_s)) / size * 1e6, 1)
