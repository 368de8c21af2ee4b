"""A loaded bundle: raw images in, probabilities and embeddings out. Knows nothing of HTTP, training or the registry.

Axes: N images, H height, W width, C channels, K classes, D embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.bundle.session import BATCH_SIZE, INPUT, Session, open_session
from pigeonhole.core.errors import DataError, GateError
from pigeonhole.images import Normal

PROBE_TOLERANCE = 1e-4
Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """What the model says about N images.

    Attributes:
        probs_NK: probabilities, each row sums to 1; the label is always the argmax.
        embedding_ND: a short description of each image, for drift and for finding similar ones.
    """

    probs_NK: Floats
    embedding_ND: Floats


class Bundle:
    """A verified bundle folder; made by `load` or `write`. Threads may share it.

    Args:
        folder: where the files are.
        manifest: the content of manifest.json.
        class_names: class k's name.
        calibration: `{"temperature": t}`, fitted on validation; never applied here.
        reference: what normal looks like (`describe_normal`).
        probe_images_NHWC: inputs that must …
        probe_probs_NK: … give these probabilities.
        threads: threads an image batch may use; `None` means one for each core.
    """

    def __init__(
        self,
        folder: Path,
        manifest: dict[str, Any],
        class_names: tuple[str, ...],
        calibration: dict[str, Any],
        reference: Mapping[str, npt.NDArray[Any]],
        probe_images_NHWC: Images,
        probe_probs_NK: Floats,
        threads: int | None = None,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.class_names = class_names
        self.calibration = calibration
        self.reference = dict(reference)
        self.probe_images_NHWC = probe_images_NHWC
        self.probe_probs_NK = probe_probs_NK
        self.threads = threads

    @property
    def shape_HWC(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that the model takes."""
        height, width, channels = self.manifest["shape_HWC"]
        return height, width, channels

    @property
    def embedding_size(self) -> int:
        """D, the length of an embedding."""
        return int(self.manifest["embedding_size"])

    @property
    def sha256(self) -> str:
        """The hash of the content: equal for bundles that hold the same files."""
        return str(self.manifest["sha256"])

    @property
    def lineage(self) -> dict[str, Any]:
        """Where it comes from: run, dataset version, spec."""
        return dict(self.manifest["lineage"])

    @property
    def size_bytes(self) -> int:
        """The size of all files that the manifest names."""
        return sum(entry["size_bytes"] for entry in self.manifest["files"].values())

    @property
    def normal(self) -> Normal | None:
        """How bright the training images are, to notice inverted ones; `None` where the reference does not say."""
        if "mean_border_mean" not in self.reference or "mean_mean" not in self.reference:
            return None
        return Normal(float(self.reference["mean_border_mean"]), float(self.reference["mean_mean"]))

    @cached_property
    def session(self) -> Session:
        """The model, ready to run; opened on first use, since most readers want only the labels or the lineage.

        Raises:
            DataError: model.onnx cannot be run, or its inputs and outputs are not a bundle's.
        """
        return open_session(
            self.folder / "model.onnx", self.shape_HWC, len(self.class_names), self.embedding_size, self.threads
        )

    def predict(self, images_NHWC: Images, batch_size: int = BATCH_SIZE) -> Prediction:
        """Probabilities and embeddings of raw images.

        Args:
            images_NHWC: uint8, of the bundle's own shape; N may be 0.
            batch_size: images that go through the model at once; bounds the memory, never changes the answer.

        Raises:
            DataError: another type or shape.
        """
        self._check(images_NHWC)
        n = len(images_NHWC)
        probs_NK = np.empty((n, len(self.class_names)), np.float32)
        embedding_ND = np.empty((n, self.embedding_size), np.float32)
        for start in range(0, n, batch_size):
            rows = slice(start, start + batch_size)
            probs_NK[rows], embedding_ND[rows] = self.session.run(np.ascontiguousarray(images_NHWC[rows]))
        return Prediction(probs_NK, embedding_ND)

    def labels(self, probs_NK: Floats) -> list[str]:
        """The name of each row's most probable class; of equals, the first."""
        return [self.class_names[k] for k in probs_NK.argmax(axis=1)]

    def check_probe(self) -> None:
        """Proves that this machine reproduces the outputs the bundle was exported with.

        Raises:
            GateError: another class somewhere, or a probability off by more than 1e-4.
        """
        probs_NK = self.predict(self.probe_images_NHWC).probs_NK
        changed = int((probs_NK.argmax(axis=1) != self.probe_probs_NK.argmax(axis=1)).sum())
        largest = float(np.abs(probs_NK - self.probe_probs_NK).max(initial=0.0))
        if changed or not largest <= PROBE_TOLERANCE:  # `not <=` so that NaN fails too
            raise GateError(
                f"the bundle {self.folder} gives another class for {changed} of its {len(probs_NK)} probe images;"
                f" the largest difference in probability is {largest:.2g}",
                f"the same classes, and probabilities within {PROBE_TOLERANCE:g}",
                "export the run again with this machine's onnxruntime, or install the version named in its manifest",
            )

    def _check(self, images_NHWC: Images) -> None:
        if images_NHWC.dtype != np.uint8 or images_NHWC.shape[1:] != self.shape_HWC:
            raise DataError(
                f"{INPUT} of type {images_NHWC.dtype} and shape {images_NHWC.shape}",
                f"uint8 of shape (N, {', '.join(map(str, self.shape_HWC))})",
                "pass raw pixel values 0 to 255, images first, channels last",
            )
