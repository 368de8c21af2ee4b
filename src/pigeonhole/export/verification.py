"""Whether an exported model says what the trained one said, image by image. Decides; repairs nothing.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pigeonhole.core.errors import DataError, GateError
from pigeonhole.models.trained import Floats, Images

TOLERANCE = 1e-4
BATCH = 256
_ERRORS_ONLY = 3


def open_model(onnx_model: bytes, threads: int = 0) -> Any:
    """An ONNX Runtime session over a model in memory; 0 threads means one for each core.

    Raises:
        DataError: it cannot be run.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(onnx_model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no base below Exception
        raise DataError(
            f"the ONNX model cannot be run: {str(error).strip()[:300]}",
            f"a model for onnxruntime {ort.__version__}",
            "export it for an older opset, or update onnxruntime",
        ) from error


def run(session: Any, images_NHWC: Images) -> Floats:
    """The probabilities (N, K) of a bundle's model."""
    batches = [
        session.run(["probabilities"], {"images": np.ascontiguousarray(images_NHWC[start : start + BATCH])})[0]
        for start in range(0, len(images_NHWC), BATCH)
    ]
    return np.concatenate(batches)


def verify(session: Any, images_NHWC: Images, expected_probs_NK: Floats) -> tuple[Floats, dict[str, Any]]:
    """The exported model's probabilities and the figures of the comparison.

    Raises:
        GateError: another class for any image, or a probability off by more than 1e-4.
    """
    probs_NK = run(session, images_NHWC)
    same = int((probs_NK.argmax(axis=1) == expected_probs_NK.argmax(axis=1)).sum())
    largest = float(np.abs(probs_NK - expected_probs_NK).max(initial=0.0))
    if same < len(probs_NK) or not largest <= TOLERANCE:  # `not <=` so that NaN fails too
        raise GateError(
            f"the exported model gives another class for {len(probs_NK) - same} of {len(probs_NK):,} images;"
            f" the largest difference in probability is {largest:.2g}",
            f"the same class for every image, and probabilities within {TOLERANCE:g}",
            "report this with the run's spec; a model that does not verify cannot be registered",
        )
    return probs_NK, {"images": len(probs_NK), "same_class": same, "largest_difference": largest}
