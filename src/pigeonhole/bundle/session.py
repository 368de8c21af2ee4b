"""ONNX Runtime behind one small door: opens a model, checks its inputs and outputs, runs a batch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError

INPUT = "images"
OUTPUTS = ("probabilities", "embedding")
BATCH_SIZE = 256
_ERRORS_ONLY = 3


class Session:
    """A model that is ready to run.

    Args:
        session: an `onnxruntime.InferenceSession`.

    Attributes:
        binding: makes a binding of tensors to inputs and outputs …
        run_bound: … and runs it.
    """

    def __init__(self, session: Any) -> None:
        self._run = session.run
        self.binding = session.io_binding
        self.run_bound = session.run_with_iobinding

    def run(self, images_NHWC: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Probabilities (N, K) and embedding (N, D) of one batch, which must be contiguous uint8."""
        probs_NK, embedding_ND = self._run(OUTPUTS, {INPUT: images_NHWC})
        return probs_NK, embedding_ND

    def probabilities(self, images_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities (N, K) alone: 4 µs less, which for one small image is a tenth."""
        probs_NK: npt.NDArray[np.float32] = self._run(OUTPUTS[:1], {INPUT: images_NHWC})[0]
        return probs_NK


def runtime() -> Any:
    """ONNX Runtime, loaded on first use: it costs 60 ms, and who only lists bundles never needs it.

    From 1.29 on its Linux builds write an id into the user's cache folder and report models (names, hashes, shapes) to
    their maker, unless this says no before they start. A setting of the user's stands.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def open_session(
    path: Path, shape_HWC: tuple[int, int, int], n_classes: int, embedding_size: int, threads: int | None
) -> Session:
    """Opens `path` on the CPU and checks that it is a bundle's model.

    Raises:
        DataError: it cannot be opened, or takes or gives something else.
    """
    ort = runtime()
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    # Threads that spin between batches would take the cores from whoever else works here.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no base below Exception
        raise DataError(
            f"{path} cannot be run: {str(error).strip()[:300]}",
            f"an ONNX model for onnxruntime {ort.__version__} or earlier",
            "export it again, or update onnxruntime",
        ) from error
    _check_interface(session, path, shape_HWC, n_classes, embedding_size)
    return Session(session)


def _check_interface(session: Any, path: Path, shape_HWC: tuple[int, ...], n_classes: int, embedding_size: int) -> None:
    received = {node.name: (node.type, tuple(node.shape)) for node in (*session.get_inputs(), *session.get_outputs())}
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {
        INPUT: ("tensor(uint8)", shape_HWC),
        OUTPUTS[0]: ("tensor(float)", (n_classes,)),
        OUTPUTS[1]: ("tensor(float)", (embedding_size,)),
    }
    inputs = [node.name for node in session.get_inputs()]
    problems = [_problem(name, *wanted[name], received.get(name)) for name in wanted]
    if inputs != [INPUT]:
        problems.append(f"its inputs are {inputs}")
    found = [problem for problem in problems if problem]
    if found:
        raise DataError(
            f"{path} is no bundle's model: {'; '.join(found)}",
            f"one input {INPUT} uint8 [N, {', '.join(map(str, shape_HWC))}]; outputs float32 {OUTPUTS[0]}"
            f" [N, {n_classes}] and {OUTPUTS[1]} [N, {embedding_size}]",
            "export it again",
        )


def _problem(name: str, kind: str, dims: tuple[int, ...], received: tuple[str, tuple[Any, ...]] | None) -> str | None:
    """What is wrong with one input or output; a dimension that the model leaves open fits every size."""
    if received is None:
        return f"it has no {name}"
    kind_received, shape = received
    fits = len(shape) == len(dims) + 1 and all(
        not isinstance(is_, int) or is_ == want for is_, want in zip(shape[1:], dims, strict=True)
    )
    if kind_received == kind and fits and not isinstance(shape[0], int):
        return None
    return f"{name} is {kind_received}{list(shape)}"
