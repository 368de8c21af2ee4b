from __future__ import annotations

import json

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.serving import hash_key
from pigeonhole.serving.protocols import open_inference
from pigeonhole.serving.protocols.decoded import Facts, finished
from tests.bundle.tiny_onnx import CLASS_NAMES, band_images, expected_probs, write_tiny
from tests.serving.server_process import serving

KEY = "a key of some length"
IMAGES_NHWC, LABELS_N = band_images(5, seed=11)


def keyed(**more):
    """Fresh headers for each call: the client writes into those that it is given."""
    return {"Authorization": f"Bearer {KEY}", **more}


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    other = write_tiny(folder / "other", class_names=("hoch", "mitte", "tief – ganz unten"))
    deployments = [
        {"name": "blue", "model": "bands:3", "bundle_folder": str(tiny.folder), "traffic": 100},
        {"name": "green", "model": "bands:4", "bundle_folder": str(other.folder), "traffic": 0},
        {"name": "red", "model": "letters", "bundle_folder": str(tiny.folder), "traffic": 0},
    ]
    with serving(folder, deployments=deployments, key_hashes=[hash_key(KEY)]) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as running:
        yield running


def images_input(images_NHWC=IMAGES_NHWC, *, binary=True, datatype="UINT8", name="images"):
    tensor = triton.InferInput(name, list(images_NHWC.shape), datatype)
    tensor.set_data_from_numpy(images_NHWC, binary_data=binary)
    return tensor


def test_health_and_metadata_with_the_real_client(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("bands", headers=keyed())
    assert client.is_model_ready("bands", "4", headers=keyed())
    assert not client.is_model_ready("bands", "5", headers=keyed())
    assert not client.is_model_ready("nothing", headers=keyed())
    told = client.get_server_metadata(headers=keyed())
    assert (told["name"], told["extensions"]) == ("pigeonhole", ["binary_tensor_data"])
    assert client.get_model_metadata("bands", headers=keyed()) == {
        "name": "bands",
        "versions": ["3", "4"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "images", "datatype": "UINT8", "shape": [-1, 6, 6, 1]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "labels", "datatype": "BYTES", "shape": [-1]},
        ],
    }
    assert client.get_model_metadata("letters", headers=keyed())["versions"] == ["1"]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [None, True, False])
def test_infer_with_numpy_in_every_form(client, binary_in, binary_out):
    outputs = None
    if binary_out is not None:
        outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("labels", "probabilities")]
    result = client.infer(
        "bands", [images_input(binary=binary_in)], outputs=outputs, request_id="mine", headers=keyed()
    )
    np.testing.assert_allclose(result.as_numpy("probabilities"), expected_probs(IMAGES_NHWC), atol=1e-5)
    labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("labels")]
    assert labels == [CLASS_NAMES[k] for k in LABELS_N]
    told = result.get_response()
    assert (told["model_name"], told["model_version"], told["id"]) == ("bands", "3", "mine")


def test_one_output_may_be_bytes_and_the_other_json(client):
    outputs = [
        triton.InferRequestedOutput("probabilities", binary_data=True),
        triton.InferRequestedOutput("labels", binary_data=False),
    ]
    result = client.infer("bands", [images_input()], outputs=outputs, headers=keyed())
    np.testing.assert_allclose(result.as_numpy("probabilities"), expected_probs(IMAGES_NHWC), atol=1e-5)
    assert result.as_numpy("labels").tolist() == [CLASS_NAMES[k] for k in LABELS_N]
    only = client.infer("bands", [images_input()], outputs=outputs[1:], headers=keyed())
    assert only.as_numpy("probabilities") is None


def test_the_same_json_before_other_bytes_is_another_answer(client):
    for seed in range(3):
        images_NHWC, labels_N = band_images(4, seed=seed)
        turned = images_NHWC[::-1].copy()
        for sent, wanted in ((images_NHWC, labels_N), (turned, labels_N[::-1])):
            result = client.infer("bands", [images_input(sent)], headers=keyed())
            assert [label.decode() for label in result.as_numpy("labels")] == [CLASS_NAMES[k] for k in wanted]


def test_a_version_or_the_header_picks_a_deployment(client):
    names = ("hoch", "mitte", "tief – ganz unten")
    for more in ({"model_version": "4"}, {"headers": keyed(**{"azureml-model-deployment": "green"})}):
        result = client.infer("bands", [images_input()], **{"headers": keyed(), **more})
        assert [label.decode() for label in result.as_numpy("labels")] == [names[k] for k in LABELS_N]
    result = client.infer("letters", [images_input()], headers=keyed())
    assert result.get_response()["model_name"] == "letters"
    assert client.infer("bands:3", [images_input()], headers=keyed()).get_response()["model_version"] == "3"


def test_the_client_shows_what_is_wrong(client):
    with pytest.raises(InferenceServerException, match="without a key") as caught:
        client.infer("bands", [images_input()])
    assert caught.value.status() == "401"
    with pytest.raises(InferenceServerException, match="version 9 of bands") as caught:
        client.infer("bands", [images_input()], model_version="9", headers=keyed())
    assert caught.value.status() == "404"
    headers = keyed(**{"azureml-model-deployment": "red"})
    with pytest.raises(InferenceServerException, match="its model letters"):
        client.infer("bands", [images_input()], headers=headers)
    floats = images_input((IMAGES_NHWC / 255).astype(np.float32), datatype="FP32")
    with pytest.raises(InferenceServerException, match=r"FP32.*not UINT8(.|\n)*round\(\)") as caught:
        client.infer("bands", [floats], headers=keyed())
    assert caught.value.status() == "422"
    with pytest.raises(InferenceServerException, match="2 inputs"):
        client.infer("bands", [images_input(), images_input(name="more")], headers=keyed())
    wide = np.zeros((2, 7, 6, 1), np.uint8)
    with pytest.raises(InferenceServerException, match=r"\[2, 7, 6, 1\](.|\n)*\[N, 6, 6, 1\]"):
        client.infer("bands", [images_input(wide)], headers=keyed())
    asked = [triton.InferRequestedOutput("logits")]
    with pytest.raises(InferenceServerException, match=r"logits.*not one of probabilities and labels"):
        client.infer("bands", [images_input()], outputs=asked, headers=keyed())
    asked = [triton.InferRequestedOutput("labels", class_count=2)]
    with pytest.raises(InferenceServerException, match="only binary_data is supported"):
        client.infer("bands", [images_input()], outputs=asked, headers=keyed())
    with pytest.raises(InferenceServerException, match='"priority" is not supported'):
        client.infer("bands", [images_input()], priority=1, headers=keyed())
    for compression in ("gzip", "deflate"):
        with pytest.raises(InferenceServerException, match="not compressed") as caught:
            client.infer("bands", [images_input()], request_compression_algorithm=compression, headers=keyed())
        assert caught.value.status() == "415"


FACTS = Facts("bands:3", "blue", (2, 3, 1), ("a", "b"), None, 100, 1_000_000)
VALUES = [0, 10, 20, 30, 40, 255]


def tensor(**changes):
    return {"name": "images", "shape": [1, 2, 3, 1], "datatype": "UINT8", "data": VALUES, **changes}


def decode(request, binary=None, length=None):
    body = json.dumps(request).encode()
    headers = {}
    if binary is not None:
        headers[b"inference-header-content-length"] = b"%d" % len(body) if length is None else length
        body += binary
    return finished(open_inference.decode(body, headers, b"", FACTS))


def test_flat_and_nested_data_are_the_same_images():
    flat = decode({"inputs": [tensor()]})
    assert (list(flat.pixels), flat.n, flat.id) == (VALUES, 1, "")
    nested = np.array(VALUES).reshape(1, 2, 3, 1).tolist()
    assert decode({"inputs": [tensor(data=nested)]}).pixels == flat.pixels
    two = decode({"inputs": [tensor(shape=[2, 2, 3, 1], data=VALUES + VALUES[::-1])]})
    assert (list(two.pixels), two.n) == (VALUES + VALUES[::-1], 2)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ([], "a JSON list"),
        ({}, "inputs: null"),
        ({"inputs": []}, "0 inputs"),
        ({"inputs": [3]}, "a list of one input"),
        ({"input": [tensor()]}, '"input": unknown key'),
        ({"inputs": [tensor()], "id": 7}, "id: 7, not a text"),
        ({"inputs": [tensor()], "parameters": 1}, "parameters: 1, not an object"),
        ({"inputs": [tensor()], "parameters": {"binary_data_output": 1}}, "binary_data_output 1, not true"),
        ({"inputs": [tensor()], "outputs": "labels"}, 'outputs: "labels"'),
        ({"inputs": [tensor()], "outputs": [{"name": "labels"}] * 2}, "outputs[1]: labels a second time"),
        ({"inputs": [tensor()], "outputs": [{"name": ["labels"]}]}, "not one of probabilities"),
        ({"inputs": [tensor()], "outputs": [{"name": "labels", "kind": 1}]}, '"kind", not name'),
        ({"inputs": [tensor(name="x")]}, 'name: "x", not images'),
        ({"inputs": [tensor(datatype=None)]}, "datatype: null, not UINT8"),
        ({"inputs": [tensor(more=1)]}, '"more": unknown key'),
        ({"inputs": [tensor(parameters=[])]}, "parameters: []"),
        ({"inputs": [tensor(parameters={"x": 1})]}, 'parameters: "x"'),
        ({"inputs": [tensor(shape=[1, 6])]}, "shape [1, 6]"),
        ({"inputs": [tensor(shape=[0, 2, 3, 1], data=[])]}, "shape [0, 2, 3, 1]"),
        ({"inputs": [tensor(shape=[101, 2, 3, 1])]}, "N from 1 to 100"),
        ({"inputs": [tensor(shape=[1, 2, 3, True])]}, "shape [1, 2, 3, true]"),
        ({"inputs": [tensor(shape=[1.0, 2, 3, 1])]}, "shape [1.0"),
        ({"inputs": [tensor(shape="1")]}, 'shape "1"'),
        ({"inputs": [tensor(data=VALUES[:5])]}, "data: 5 values"),
        ({"inputs": [tensor(data=None)]}, "data: null"),
        ({"inputs": [tensor(data=[*VALUES[:5], 256])]}, "data[5]: 256"),
        ({"inputs": [tensor(data=[*VALUES[:5], True])]}, "data[5]: true"),
        ({"inputs": [tensor(data=[*VALUES[:5], 0.5])]}, "data[5]: 0.5"),
        ({"inputs": [tensor(data=[*VALUES[:5], "7"])]}, 'data[5]: "7"'),
        ({"inputs": [tensor(data=[[[0, 1, 2], [3, 4, 300]]])]}, "data[0][1][2]: 300"),
        ({"inputs": [tensor(parameters={"binary_data_size": 6})]}, "both data and binary_data_size"),
    ],
)
def test_a_mistake_is_named(request_, said):
    with pytest.raises(DataError) as caught:
        decode(request_)
    assert said in str(caught.value)


def binary_tensor(size):
    return {"name": "images", "shape": [1, 2, 3, 1], "datatype": "UINT8", "parameters": {"binary_data_size": size}}


def test_bytes_after_the_json_are_the_pixels():
    assert list(decode({"inputs": [binary_tensor(6)]}, bytes(VALUES)).pixels) == VALUES


@pytest.mark.parametrize(
    ("size", "binary", "said"),
    [
        (6, bytes(5), "binary_data_size 6 and 5 bytes"),
        (5, bytes(5), "binary_data_size 5 and 5 bytes"),
        (6, bytes(7), "and 7 bytes"),
        (-1, bytes(6), "binary_data_size -1"),
        (6.0, bytes(6), "binary_data_size 6.0"),
        (6, None, "and 0 bytes"),
        (None, bytes(6), "6 bytes after the JSON"),
    ],
)
def test_a_length_that_is_not_right_is_named(size, binary, said):
    with pytest.raises(DataError) as caught:
        decode({"inputs": [binary_tensor(size)]}, binary)
    assert said in str(caught.value)


@pytest.mark.parametrize("length", [b"", b"-1", b"0", b"99999", b"1e2", b"9" * 400, b"\xb2"])
def test_the_header_must_be_the_length_of_the_json(length):
    with pytest.raises(UsageError, match="Inference-Header-Content-Length"):
        decode({"inputs": [binary_tensor(6)]}, bytes(VALUES), length)


def test_a_length_that_cuts_the_json_is_refused():
    with pytest.raises(UsageError, match="no JSON"):
        decode({"inputs": [binary_tensor(6)]}, bytes(VALUES), b"20")
