"""A model trained here → a verified bundle. Leaves nothing behind when a check refuses.

Axes: N images, H height, W width, C channels, K classes, D embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from pigeonhole import bundle
from pigeonhole.bundle.bundle import Images
from pigeonhole.core.optional import require
from pigeonhole.export.components import PrincipalComponents
from pigeonhole.export.performance import latency
from pigeonhole.export.verification import open_model, verify
from pigeonhole.models import Trained
from pigeonhole.models.trained import Floats, Labels

if TYPE_CHECKING:
    from pigeonhole.models.classical import TrainedEstimator
    from pigeonhole.models.networks import TrainedNetwork

PROBE_IMAGES = 16


def to_bundle(
    trained: Trained,
    *,
    folder: Path,
    images_NHWC: Images,
    labels_N: Labels,
    expected_probs_NK: Floats,
    training_images_NHWC: Images,
    calibration: Mapping[str, Any],
    lineage: Mapping[str, Any],
) -> bundle.Bundle:
    """The bundle of a trained model, in `folder`.

    Args:
        trained: a network or an estimator.
        folder: where the bundle is to stand.
        images_NHWC: training and validation images to verify on; 1,000, or all if there are fewer.
        labels_N: their classes.
        expected_probs_NK: the trained model's own fp32 probabilities for them.
        training_images_NHWC: a sample for the principal components of a model without an embedding.
        calibration: `{"temperature": t}`, fitted on validation.
        lineage: JSON: run, dataset version, spec; what was verified and measured is added to it.

    Raises:
        GateError: the export gives another class for an image, or a probability off by more than 1e-4.
        DataError: the parts do not fit, or the disk is full.
        MissingDependencyError: an export package is not installed.
        ConflictError: `folder` holds something else.
    """
    onnx_model, embedding_size = _convert(trained, training_images_NHWC)
    session = open_model(onnx_model)
    decided_N = _decided(trained, images_NHWC)
    probs_NK, verification = verify(session, images_NHWC, expected_probs_NK, decided_N)
    return bundle.write(
        folder,
        onnx_model=onnx_model,
        class_names=trained.class_names,
        shape_HWC=trained.shape_HWC,
        embedding_size=embedding_size,
        calibration=calibration,
        reference=bundle.describe_normal(images_NHWC, labels_N, probs_NK),
        probe_images_NHWC=images_NHWC[decided_N][:PROBE_IMAGES],
        probe_probs_NK=expected_probs_NK[decided_N][:PROBE_IMAGES],
        lineage={**lineage, "verification": verification, "performance": latency(onnx_model, images_NHWC)},
    )


def _convert(trained: Trained, training_images_NHWC: Images) -> tuple[bytes, int]:
    """The model as ONNX, and D."""
    require("onnx", extra="train")
    if trained.kind == "network":
        require("onnxscript", extra="train")
        from pigeonhole.export.network import network_graph

        graph, embedding_size = network_graph(cast("TrainedNetwork", trained))
    else:
        require("skl2onnx", extra="train")
        from pigeonhole.export.estimator import estimator_graph

        graph, embedding_size = estimator_graph(cast("TrainedEstimator", trained)), 0
    if not embedding_size:
        components = PrincipalComponents.of(training_images_NHWC)
        graph, embedding_size = components.add_to(graph), components.size
    return graph.SerializeToString(), embedding_size


def _decided(trained: Trained, images_NHWC: Images) -> npt.NDArray[np.bool_]:
    """The images on which any exact program gives the same; all of them, unless there are step functions."""
    if trained.kind != "network":
        return np.ones(len(images_NHWC), bool)
    from pigeonhole.models.networks.undecided import decided

    return decided(cast("TrainedNetwork", trained), images_NHWC)
