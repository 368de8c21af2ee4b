"""Whether an exported model says what the trained one said, image by image. Decides; repairs nothing.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.bundle.session import runtime
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
    ort = runtime()
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


def verify(
    session: Any, images_NHWC: Images, expected_probs_NK: Floats, decided_N: npt.NDArray[np.bool_] | None = None
) -> tuple[Floats, dict[str, Any]]:
    """The exported model's probabilities and the figures of the comparison.

    Args:
        session: the exported model.
        images_NHWC: what to compare on.
        expected_probs_NK: what the trained model says.
        decided_N: false for images whose answer depends on the order of a sum; they are counted, not compared.
            `None`: there are none.

    Raises:
        GateError: another class for any image, a probability off by more than 1e-4, or nothing to compare.
    """
    probs_NK = run(session, images_NHWC)
    chosen_N = np.ones(len(probs_NK), bool) if decided_N is None else decided_N
    compared_NK, expected_NK = probs_NK[chosen_N], expected_probs_NK[chosen_N]
    same = int((compared_NK.argmax(axis=1) == expected_NK.argmax(axis=1)).sum())
    largest = float(np.abs(compared_NK - expected_NK).max(initial=0.0))
    if same < len(compared_NK) or not largest <= TOLERANCE:  # `not <=` so that NaN fails too
        raise GateError(
            f"the exported model gives another class for {len(compared_NK) - same} of {len(compared_NK):,} images;"
            f" the largest difference in probability is {largest:.2g}",
            f"the same class for every image, and probabilities within {TOLERANCE:g}",
            "report this with the run's spec; a model that does not verify cannot be registered",
        )
    if len(probs_NK) and not len(compared_NK):
        raise GateError(
            f"each of the {len(probs_NK):,} images brings the input of a step function within rounding of zero",
            "an image at least on which the exported model can be compared",
            "use fewer layers with `threshold`, or train longer",
        )
    figures = {"images": len(compared_NK), "same_class": same, "largest_difference": largest}
    undecided = len(probs_NK) - len(compared_NK)
    return probs_NK, {**figures, "undecided": undecided} if undecided else figures
