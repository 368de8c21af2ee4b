from __future__ import annotations

import base64
import json

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

import pigeonhole
from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.images import png
from pigeonhole.serving.http import RequestError
from pigeonhole.serving.protocols import mlflow
from pigeonhole.serving.protocols.decoded import Facts, finished
from tests.bundle.tiny_onnx import CLASS_NAMES, band_images, expected_probs
from tests.serving.server_process import serving

IMAGES_NHWC, LABELS_N = band_images(4, seed=12)
NAMES = [CLASS_NAMES[k] for k in LABELS_N]


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("serving"), bundle_folder=str(tiny.folder), model="bands:3") as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    return ScoringServerClient("127.0.0.1", server.port)


def test_ping_and_version_with_the_real_client(client):
    client.ping()
    client.wait_server_ready(timeout=5)
    assert client.get_version() == pigeonhole.__version__


@pytest.mark.parametrize(
    "data",
    [
        IMAGES_NHWC,
        IMAGES_NHWC.reshape(4, -1),
        IMAGES_NHWC / 255,
        json.dumps({"inputs": {"images": IMAGES_NHWC.tolist()}}),  # its client fails on a dict of arrays
        pd.DataFrame(IMAGES_NHWC.reshape(4, -1), columns=[f"pixel{k}" for k in range(36)]),
        pd.DataFrame(IMAGES_NHWC.reshape(4, -1) / 255),
        pd.DataFrame({"image": IMAGES_NHWC.reshape(4, -1).tolist()}),
        pd.DataFrame({"image": [base64.b64encode(png(image_HWC)).decode() for image_HWC in IMAGES_NHWC]}),
    ],
    ids=["array", "rows", "decimals", "a named tensor", "table", "table of decimals", "a column of lists", "of base64"],
)
def test_whatever_the_real_client_sends_is_the_same_images(client, data):
    answer = client.invoke(data)
    table = answer.get_predictions()
    assert table["label"].tolist() == NAMES
    np.testing.assert_allclose(np.stack(table["probabilities"]), expected_probs(IMAGES_NHWC), atol=1e-5)
    assert json.loads(answer.to_json())["predictions"][0]["label"] == NAMES[0]


def test_params_go_with_the_data(client):
    answer = client.invoke(255 - IMAGES_NHWC, params={"invert": True, "scale": "0-255"})
    assert answer.get_predictions()["label"].tolist() == NAMES


def test_the_client_shows_what_is_wrong(client):
    with pytest.raises(Exception, match=r"code 422.*35 values, not 36"):
        client.invoke(IMAGES_NHWC.reshape(4, -1)[:, :35])
    with pytest.raises(Exception, match=r"code 422.*did you mean 'scale'"):
        client.invoke(IMAGES_NHWC, params={"scales": "0-1"})


FACTS = Facts("bands:3", "blue", (2, 3, 1), ("a", "b"), None, 3, 1_000_000)
ROW = [0, 10, 20, 30, 40, 255]
RECORD = {f"p{index}": value for index, value in enumerate(ROW)}


def decode(request, kind=b"application/json"):
    return finished(mlflow.decode(json.dumps(request).encode(), {b"content-type": kind}, b"", FACTS))


@pytest.mark.parametrize(
    "request_",
    [
        {"instances": [ROW]},
        {"instances": [[ROW[:3], ROW[3:]]]},
        {"instances": [{"image": ROW}]},
        {"inputs": [ROW]},
        {"inputs": {"image": [ROW]}},
        {"dataframe_split": {"columns": list(RECORD), "index": [0], "data": [ROW]}},
        {"dataframe_split": {"data": [[ROW]]}},
        {"dataframe_records": [RECORD]},
        {"dataframe_records": [{"image": ROW}]},
        {"instances": [ROW], "params": None},
    ],
)
def test_every_form_is_the_same_image(request_):
    decoded = decode(request_)
    assert (list(decoded.pixels), decoded.n) == (ROW, 1)


def test_records_are_read_by_the_columns_of_the_first():
    turned = dict(reversed(RECORD.items()))
    assert list(decode({"dataframe_records": [RECORD, turned]}).pixels) == ROW + ROW


def test_texts_are_image_files_in_base64():
    text = base64.b64encode(png(np.array(ROW, np.uint8).reshape(2, 3, 1))).decode()
    for request in ({"instances": [text]}, {"dataframe_split": {"columns": ["image"], "data": [[text]]}}):
        assert list(decode(request).pixels) == ROW


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ([ROW], "a JSON list"),
        ({}, "none of dataframe_split"),
        ({"instances": [ROW], "inputs": [ROW]}, "instances and inputs of"),
        ({"instance": [ROW]}, "did you mean 'instances'?"),
        ({"instances": []}, "instances: []"),
        ({"instances": ROW[:2]}, "instances[0]: 0, not a list of 6"),
        ({"instances": [ROW] * 4}, "4 images, more than 3"),
        ({"instances": [[*ROW[:5], 300]]}, "instances[0][5]: 300"),
        ({"instances": [ROW], "params": [1]}, "params: [1]"),
        ({"instances": [ROW], "params": {"invert": 1}}, "params: invert: 1"),
        ({"inputs": {"a": [ROW], "b": [ROW]}}, "inputs: "),
        ({"inputs": "text"}, 'inputs: "text"'),
        ({"instances": ["no base64!"]}, 'instances[0]: "no base64!"'),
        ({"instances": ["AAAA"]}, "instances[0] cannot be decoded"),
        ({"dataframe_split": [ROW]}, "dataframe_split: [[0"),
        ({"dataframe_split": {"data": [ROW], "rows": 1}}, '"rows": unknown key'),
        ({"dataframe_records": {"p0": 1}}, "dataframe_records: {"),
        ({"dataframe_records": []}, "dataframe_records: []"),
        ({"dataframe_records": [RECORD, {"p0": 1}]}, "dataframe_records[1] with other columns"),
        ({"dataframe_records": [{**RECORD, "p5": None}]}, "dataframe_records[0][5]: null"),
    ],
)
def test_a_mistake_is_named(request_, said):
    with pytest.raises(DataError) as caught:
        decode(request_)
    assert said in str(caught.value)


def test_other_kinds_of_bodies_are_refused():
    with pytest.raises(RequestError, match="parquet") as caught:
        decode({}, b"application/vnd.apache.parquet")
    assert caught.value.status == 415
    with pytest.raises(UsageError, match="no JSON"):
        mlflow.decode(b"{", {}, b"", FACTS)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(IMAGES_NHWC.reshape(4, -1), columns=[f"pixel{k}" for k in range(36)]),
        pd.DataFrame(IMAGES_NHWC.reshape(4, -1) / 255),
        pd.DataFrame({"image": [base64.b64encode(png(image_HWC)).decode() for image_HWC in IMAGES_NHWC]}),
    ],
    ids=["integers", "decimals", "files in base64"],
)
@pytest.mark.parametrize("index", [False, True])
def test_a_table_in_csv_is_the_same_images(server, table, index):
    body = table.to_csv(index=index)
    response = server.client.post("/invocations", content=body, headers={"content-type": "text/csv; charset=utf-8"})
    assert response.status_code == 200, response.text
    assert [told["label"] for told in response.json()["predictions"]] == NAMES


def csv(text):
    return finished(mlflow.decode(text.encode(), {b"content-type": b"text/csv"}, b"", FACTS))


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c,d,e,f\n0,10,20,30,40,255\n",
        "\ufeffa,b,c,d,e,f\r\n\r\n0,10,20,30,40,255\r\n\r\n",
        '"a, b",b,c,d,e,f\n"0",10,20,30,40,255',
        ",0,1,2,3,4,5\n7,0,10,20,30,40,255",
        "a,b,c,d,e,f\n0.0,10.0,20,3e1, 40,255",
    ],
)
def test_csv_as_programs_write_it(text):
    assert list(csv(text).pixels) == ROW


@pytest.mark.parametrize(
    ("text", "said", "kind"),
    [
        ("", "CSV without a line", UsageError),
        ("\n\n", "CSV without a line", UsageError),
        ("0,0,0,1,2,3\n0,10,20,30,40,255", 'first line has "0" more than once', UsageError),
        ('a,b\n"1', "no CSV: unexpected end", UsageError),
        ("a,b,c,d,e,f\n", "rows: [], not a list of images", DataError),
        ("a,b,c,d,e,f\n" + "0,1,2,3,4,5\n" * 4, "4 images, more than 3", DataError),
        ("a,b,c,d,e,f\n0,1,2,3,4,5\n0,1,2\n", "rows[1]: 3 values, not 6", DataError),
        ("a,b,c,d,e,f\n0,1,,3,4,256\n", 'rows[0][2]: "", no number', DataError),
        ("a,b,c,d,e,f\n0,1,2,3,1_0,5\n", 'rows[0][4]: "1_0", no number', DataError),
        ("a,b,c,d,e,f\n0,1,2,3,4,256\n", "rows[0][5]: 256", DataError),
        ("a,b,c,d,e,f\n0,1,2,3,4,nan\n", "rows[0][5]: NaN, no finite number", DataError),
        ("image\nnot base64!", "rows[0]", DataError),
    ],
)
def test_a_mistake_in_csv_is_named(text, said, kind):
    with pytest.raises(kind) as caught:
        csv(text)
    assert said in str(caught.value)
    assert caught.value.accepted
    assert caught.value.remedy


def test_csv_that_is_no_text():
    with pytest.raises(UsageError, match="no CSV"):
        mlflow.decode(b"a,b\n\xff", {b"content-type": b"text/csv"}, b"", FACTS)
