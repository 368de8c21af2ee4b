"""An `.onnx` file made elsewhere → a bundle: its input and output are brought into the bundle's form inside the graph.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pigeonhole import bundle
from pigeonhole.bundle.bundle import Images
from pigeonhole.core.errors import DataError, SpecError
from pigeonhole.core.files import sha256_file
from pigeonhole.core.optional import require
from pigeonhole.export.components import PrincipalComponents
from pigeonhole.export.interface import Layout, Reading, read_interface, wrap
from pigeonhole.export.own import PROBE_IMAGES
from pigeonhole.export.performance import latency
from pigeonhole.export.verification import open_model, run
from pigeonhole.models.trained import Floats, Labels

Scale = Literal["0-1", "0-255"]
_LEAST_SAMPLES = 2
_ROW_SUM_TOLERANCE = 1e-3
_LEAST_ERRORS = 5
_CLEAR_LOSS = 0.1
_LEAST_PROBABILITY = 1e-7


def import_onnx(
    path: Path,
    *,
    labels: Sequence[str],
    sample_images_NHWC: Images,
    folder: Path,
    lineage: Mapping[str, Any],
    sample_labels_N: Labels | None = None,
    scale: Scale | None = None,
    layout: Layout | None = None,
) -> bundle.Bundle:
    """The bundle of a model made elsewhere.

    Args:
        path: the model; self-contained, with a batch dimension of any size.
        labels: class k's name, in the order of the model's output.
        sample_images_NHWC: two or more uint8 images such as it was trained on; they become the bundle's reference,
            its probe and, where the model has no output `embedding`, its principal components.
        folder: where the bundle is to stand.
        lineage: JSON; the file's name and hash and how it was read are added to it.
        sample_labels_N: the samples' classes, where they are known.
        scale: what range of brightness a model with float input wants. `None`: bytes for a model with uint8 input;
            else the range in which it does better on `sample_labels_N`, if that is clear.
        layout: the order of its input's axes; `None` takes it from the input's shape.

    Raises:
        DataError: the model cannot be used, or the samples do not fit it.
        SpecError: scale or layout cannot be told from the model; the message says what to pass.
        ConflictError: `folder` holds something else.
    """
    if len(sample_images_NHWC) < _LEAST_SAMPLES or len(labels) < 2:
        raise DataError(
            f"{len(sample_images_NHWC)} sample images and {len(labels)} labels",
            "two or more of each",
            "pass more sample images, and a label for each output of the model",
        )
    reading = read_interface(_read(path), sample_images_NHWC.shape[1:], len(labels), layout)
    scale, evidence = _scale(reading, scale, sample_images_NHWC, sample_labels_N)
    model, probs_NK, logits = _settle(reading, scale, sample_images_NHWC)
    embedding_size = reading.embedding_size
    if not embedding_size:
        components = PrincipalComponents.of(sample_images_NHWC)
        model, embedding_size = components.add_to(model), components.size
    content = model.SerializeToString()
    labels_N = probs_NK.argmax(axis=1) if sample_labels_N is None else sample_labels_N
    return bundle.write(
        folder,
        onnx_model=content,
        class_names=tuple(labels),
        shape_HWC=reading.shape_HWC,
        embedding_size=embedding_size,
        calibration={"temperature": 1.0, "fitted_on": "nothing: the model was made elsewhere"},
        reference=bundle.describe_normal(sample_images_NHWC, labels_N.astype(np.int64), probs_NK),
        probe_images_NHWC=sample_images_NHWC[:PROBE_IMAGES],
        probe_probs_NK=probs_NK[:PROBE_IMAGES],
        lineage={
            **lineage,
            "imported": {
                "file": path.name,
                "sha256": sha256_file(path),
                "layout": reading.layout,
                "scale": scale,
                **evidence,
                "outputs": "logits, made probabilities by softmax" if logits else "probabilities",
                "sample_images": len(sample_images_NHWC),
            },
            "performance": latency(content, sample_images_NHWC),
        },
    )


def _read(path: Path) -> Any:
    """The model proto, refused unless it is whole in itself: loading data from other paths is how files leak."""
    onnx = require("onnx", extra="train")
    try:
        model = onnx.load(str(path), load_external_data=False)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf, the checker and the file system each raise their own
        raise DataError(
            f"{path} is no valid ONNX model: {str(error).strip()[:300]}",
            "a self-contained .onnx file",
            "export it again with its weights inside the file",
        ) from error
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model.graph)):
        raise DataError(
            f"{path} keeps its weights in other files",
            "a self-contained .onnx file",
            "onnx.save_model(onnx.load(path), new_path, save_as_external_data=False)",
        )
    return model


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor of a graph and of the graphs inside its nodes (branches, loops)."""
    yield from graph.initializer
    for step in graph.node:
        for attribute in step.attribute:
            yield from [attribute.t, *attribute.tensors]
            for inner in [attribute.g, *attribute.graphs]:
                yield from _tensors(inner)


def _scale(
    reading: Reading, scale: Scale | None, images_NHWC: Images, labels_N: Labels | None
) -> tuple[Scale, dict[str, Any]]:
    """The range that the model wants, and what speaks for it."""
    if reading.takes_bytes:
        if scale == "0-1":
            raise SpecError("scale 0-1 for a model with uint8 input", "0-255, or none", "leave out the scale")
        return "0-255", {}
    if scale is not None:
        return scale, {}
    if labels_N is None:
        raise SpecError(
            "a model with float input, and neither its scale nor labelled sample images",
            "scale 0-1 or 0-255",
            "say which brightness range it was trained on, or pass the samples' labels so that it can be tried",
        )
    candidates: tuple[Scale, Scale] = ("0-1", "0-255")
    probs = {candidate: _settle(reading, candidate, images_NHWC)[1] for candidate in candidates}
    right_N = {candidate: probs[candidate].argmax(axis=1) == labels_N for candidate in candidates}
    accuracy = {candidate: float(right_N[candidate].mean()) for candidate in candidates}
    loss = {candidate: _log_loss(probs[candidate], labels_N) for candidate in candidates}
    told = _told_by_accuracy(right_N) or _told_by_loss(right_N, loss)
    if told is None:
        raise SpecError(
            f"a model with float input that is right about {accuracy['0-1']:.1%} of the samples on the scale 0-1, and"
            f" about {accuracy['0-255']:.1%} on 0-255, which does not tell its scale",
            "scale 0-1 or 0-255",
            "say which brightness range it was trained on",
        )
    return told, {"sample_accuracy_by_scale": accuracy, "sample_log_loss_by_scale": loss}


def _told_by_accuracy(right_N: Mapping[Scale, npt.NDArray[np.bool_]]) -> Scale | None:
    """The scale on which the model is right about more samples, by more than luck may do (two standard errors)."""
    only = {
        "0-1": int((right_N["0-1"] & ~right_N["0-255"]).sum()),
        "0-255": int((right_N["0-255"] & ~right_N["0-1"]).sum()),
    }
    if abs(only["0-1"] - only["0-255"]) <= 2 * np.sqrt(only["0-1"] + only["0-255"]):
        return None
    return "0-1" if only["0-1"] > only["0-255"] else "0-255"


def _told_by_loss(right_N: Mapping[Scale, npt.NDArray[np.bool_]], loss: Mapping[Scale, float]) -> Scale | None:
    """The scale on which the model knows better how sure it may be.

    To multiply its input leaves a network of ReLUs nearly as often right, but far too sure (or unsure) of itself. Only
    where it errs does that show: of a model that is always right, the surer one would seem the better.
    """
    if min((~right).sum() for right in right_N.values()) < _LEAST_ERRORS:
        return None
    one, other = loss["0-1"], loss["0-255"]
    if abs(one - other) <= _CLEAR_LOSS * min(one, other):
        return None
    return "0-1" if one < other else "0-255"


def _log_loss(probs_NK: Floats, labels_N: Labels) -> float:
    of_label_N = probs_NK[np.arange(len(labels_N)), labels_N]
    return float(-np.log(np.clip(of_label_N, _LEAST_PROBABILITY, 1)).mean())


def _settle(reading: Reading, scale: Scale, images_NHWC: Images) -> tuple[Any, Floats, bool]:
    """The wrapped model, its probabilities for the samples, and whether its outputs had been logits."""
    divisor = 255.0 if scale == "0-1" else 1.0
    model = wrap(reading, divisor, softmax=False)
    outputs_NK = _try(model, images_NHWC)
    sums_N = outputs_NK.sum(axis=1)
    if outputs_NK.min() >= 0 and np.abs(sums_N - 1).max() <= _ROW_SUM_TOLERANCE:
        return model, outputs_NK, False
    model = wrap(reading, divisor, softmax=True)
    return model, _try(model, images_NHWC), True


def _try(model: Any, images_NHWC: Images) -> Floats:
    session = open_model(model.SerializeToString())
    try:
        run(session, images_NHWC[:1])
        outputs_NK = run(session, images_NHWC)
    except Exception as error:  # onnxruntime's own classes share no base below Exception
        raise DataError(
            f"the model fails on the sample images: {str(error).strip()[:300]}",
            "a model that takes these images, one or many at a time",
            "export it with a dynamic batch dimension, or pass images of the size it was trained on",
        ) from error
    if outputs_NK.ndim != 2 or not np.isfinite(outputs_NK).all():
        raise DataError(
            f"the model gives outputs of shape {outputs_NK.shape}, finite: {bool(np.isfinite(outputs_NK).all())}",
            "finite numbers of shape (N, K)",
            "check the model on one of the sample images where it was made",
        )
    return outputs_NK
