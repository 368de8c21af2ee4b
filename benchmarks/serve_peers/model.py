"""The same ONNX file behind every peer: rows of 784 numbers in, labels and probabilities out.

Every peer converts a row as its users do, by numpy; and runs the model on one thread.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime


class Model:
    """One session on one thread."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self._shape = self._session.get_inputs()[0].shape[1:]

    def probabilities(self, images_NP: np.ndarray) -> np.ndarray:
        """(N, K) of uint8 pixels (N, P)."""
        return self._session.run(["probabilities"], {"images": images_NP.reshape(-1, *self._shape)})[0]


def pixels(rows: Any) -> np.ndarray:
    """(N, P) uint8; whole numbers are 0-255, decimals 0-1."""
    values_NP = np.asarray(rows)
    return values_NP.astype(np.uint8) if values_NP.dtype.kind in "iu" else np.rint(values_NP * 255).astype(np.uint8)


def answers(probs_NK: np.ndarray) -> list[dict[str, Any]]:
    """What is sent back for each image."""
    return [
        {"label": str(row_K.argmax()), "probabilities": values}
        for row_K, values in zip(probs_NK, probs_NK.tolist(), strict=True)
    ]
