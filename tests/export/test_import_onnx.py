"""Models made elsewhere, as other tools write them: NCHW or NHWC, bytes or floats, logits or probabilities."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from pigeonhole import export
from pigeonhole.core.errors import DataError, SpecError

SIDE, CLASSES = 6, 3
LABELS = ("left", "middle", "right")
_SHAPES = {"NHWC": (SIDE, SIDE, 1), "NCHW": (1, SIDE, SIDE), "flat": (SIDE * SIDE,)}


def images(n=24):
    """The class is the bright third of the image."""
    labels = np.arange(n) % CLASSES
    pictures = np.random.default_rng(0).integers(0, 60, (n, SIDE, SIDE, 1), np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[:, label * 2 : label * 2 + 2] = 230
    return pictures, labels.astype(np.int64)


def model(layout="NHWC", dtype=TensorProto.FLOAT, *, softmax=True, batch="N", bias=0.0, outputs=None, gain=0.02):
    """Sums the brightness of each third; `bias` is added to the first class, so that the wrong scale errs."""
    weight = np.zeros((SIDE, SIDE, CLASSES), np.float32)
    for k in range(CLASSES):
        weight[:, 2 * k : 2 * k + 2, k] = gain
    nodes = [
        helper.make_node("Cast", ["images"], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["as_float", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["scores"], axis=1))
    result = "scores" if softmax else "logits"
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("images", dtype, [batch, *_SHAPES[layout]])],
        outputs or [helper.make_tensor_value_info(result, TensorProto.FLOAT, [batch, CLASSES])],
        [
            numpy_helper.from_array(np.array([-1, SIDE * SIDE], np.int64), "shape"),
            numpy_helper.from_array(weight.reshape(-1, CLASSES), "weight"),
            numpy_helper.from_array(np.array([bias, 0, 0], np.float32), "bias"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    return made


def bring_in(folder, made, **changes):
    path = folder / "theirs.onnx"
    onnx.save(made, str(path))
    pictures, labels = images()
    arguments = {"labels": LABELS, "sample_images_NHWC": pictures, "sample_labels_N": labels, "lineage": {}}
    return export.import_onnx(path, folder=folder / "b", **{**arguments, **changes})


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "flat"])
@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("dtype", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16])
def test_layout_and_outputs_are_read_from_the_model(tmp_path, layout, softmax, dtype):
    made = bring_in(tmp_path, model(layout, dtype, softmax=softmax), scale="0-1")
    pictures, labels = images()
    prediction = made.predict(pictures)
    assert (prediction.probs_NK.argmax(axis=1) == labels).all()
    assert np.allclose(prediction.probs_NK.sum(axis=1), 1, atol=1e-5)
    imported = made.lineage["imported"]
    assert (imported["layout"], imported["scale"]) == (layout, "0-1")
    assert imported["outputs"].startswith("probabilities" if softmax else "logits")
    assert made.embedding_size > 0


def test_bytes_go_in_as_they_are(tmp_path):
    made = bring_in(tmp_path, model("NHWC", TensorProto.UINT8))
    pictures, labels = images()
    assert (made.predict(pictures).probs_NK.argmax(axis=1) == labels).all()
    assert made.lineage["imported"]["scale"] == "0-255"


def test_labelled_samples_decide_the_scale_and_the_evidence_is_kept(tmp_path):
    made = bring_in(tmp_path, model(bias=20.0))
    assert made.lineage["imported"]["scale"] == "0-255"
    accuracy = made.lineage["imported"]["sample_accuracy_by_scale"]
    assert accuracy["0-255"] == 1.0
    assert accuracy["0-1"] < 0.5


@pytest.mark.parametrize(("wanted", "gain"), [("0-1", 1.0), ("0-255", 1 / 255)])
def test_a_model_that_is_as_often_right_on_either_scale_is_told_by_how_sure_it_is(tmp_path, wanted, gain):
    labels = images()[1].copy()
    labels[: len(labels) // 4] = (labels[: len(labels) // 4] + 1) % CLASSES  # it errs on either scale alike
    evidence = bring_in(tmp_path, model(gain=0.15 * gain), sample_labels_N=labels).lineage["imported"]
    accuracy = evidence["sample_accuracy_by_scale"]
    assert accuracy["0-1"] == accuracy["0-255"] < 1
    assert evidence["scale"] == wanted


def test_without_evidence_the_scale_is_asked_for(tmp_path):
    with pytest.raises(SpecError, match="neither its scale"):
        bring_in(tmp_path, model(), sample_labels_N=None)
    with pytest.raises(SpecError, match="does not tell its scale"):
        bring_in(tmp_path, model())
    assert not (tmp_path / "b").exists()


def test_an_open_shape_needs_the_layout(tmp_path):
    made = model()
    for dim in made.graph.input[0].type.tensor_type.shape.dim:
        dim.Clear()
        dim.dim_param = "d"
    with pytest.raises(SpecError, match="fits NHWC and NCHW"):
        bring_in(tmp_path, made, scale="0-1")
    assert bring_in(tmp_path, made, scale="0-1", layout="NHWC").lineage["imported"]["layout"] == "NHWC"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: model(batch=1), r"inputs of shape \[1, 6, 6, 1\]"),
        (lambda: model(dtype=TensorProto.INT64), "a model with the inputs"),
        (
            lambda: model(outputs=[helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 4])]),
            "for 3 labels",
        ),
        (
            lambda: model(gain=float("nan"), softmax=False),
            "finite: False",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, made, message):
    with pytest.raises(DataError, match=message):
        bring_in(tmp_path, made(), scale="0-1" if "INT64" not in message else None)
    assert not (tmp_path / "b").exists()


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "theirs.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(DataError, match="no valid ONNX model"):
        export.import_onnx(path, labels=LABELS, sample_images_NHWC=images()[0], folder=tmp_path / "b", lineage={})


def test_weights_in_other_files_are_refused(tmp_path):
    made = model()
    onnx.save_model(
        made, str(tmp_path / "theirs.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    with pytest.raises(DataError, match=r"weights in other files|no valid ONNX model"):
        export.import_onnx(
            tmp_path / "theirs.onnx", labels=LABELS, sample_images_NHWC=images()[0], folder=tmp_path / "b", lineage={}
        )


def test_too_few_samples_are_refused(tmp_path):
    with pytest.raises(DataError, match="1 sample images"):
        bring_in(tmp_path, model(), sample_images_NHWC=images()[0][:1])


def test_a_network_exported_by_torch_itself(tmp_path):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(64, 3))
    path = tmp_path / "theirs.onnx"
    program = torch.onnx.export(
        network.eval(), (torch.zeros(2, 1, SIDE, SIDE),), dynamo=True, verbose=False,
        dynamic_shapes=({0: torch.export.Dim("N")},),
    )  # fmt: skip
    program.save(str(path))
    pictures, _ = images()
    made = export.import_onnx(
        path, labels=LABELS, sample_images_NHWC=pictures, folder=tmp_path / "b", lineage={}, scale="0-1"
    )
    with torch.no_grad():
        expected = torch.softmax(network(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255), dim=1).numpy()
    assert np.abs(made.predict(pictures).probs_NK - expected).max() < 1e-5
