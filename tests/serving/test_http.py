from __future__ import annotations

import asyncio
import io
import json
import shutil
import socket
import subprocess
import sys
import time

import httpx
import numpy as np
import pytest
from PIL import Image

from pigeonhole import bundle, images
from pigeonhole.core.database import Database
from pigeonhole.predictions import read_window
from pigeonhole.serving import hash_key
from tests.bundle.tiny_onnx import CLASS_NAMES, SHAPE_HWC, band_images, expected_probs, write_tiny
from tests.serving.server_process import logging, serving

ERROR_KEYS = {"error", "message", "error_code", "request_id"}


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    with logging(folder, tiny, max_body_bytes=2_000_000, max_images=500) as running:
        running.database = Database(f"sqlite:///{folder / 'workspace.db'}")
        yield running


def png(image_HWC, size=None, kind="PNG", **options):
    image = Image.fromarray(image_HWC[:, :, 0] if image_HWC.shape[2] == 1 else image_HWC)
    if size:
        image = image.resize(size, Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def is_error(response, status, error_code):
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == ERROR_KEYS
    assert body["error_code"] == error_code
    assert body["request_id"] == response.headers["x-request-id"]
    return body


def test_the_answer_has_the_agreed_form(server):
    images_NHWC, labels_N = band_images(3, seed=9)
    response = server.score(images_NHWC.reshape(3, -1).tolist())
    assert response.status_code == 200
    body = response.json()
    assert list(body) == ["predictions", "model", "deployment", "scale", "request_id", "warnings"]
    assert (body["model"], body["deployment"], body["scale"], body["warnings"]) == ("bands:3", "blue", "0-255", [])
    assert body["request_id"] == response.headers["x-request-id"]
    for prediction, label, probs_K in zip(body["predictions"], labels_N, expected_probs(images_NHWC), strict=True):
        assert list(prediction) == ["label", "probability", "probabilities"]
        assert prediction["label"] == CLASS_NAMES[label]
        assert prediction["probability"] == max(prediction["probabilities"])
        np.testing.assert_allclose(prediction["probabilities"], probs_K, atol=1e-5)


def test_every_scale_and_nesting_gives_the_same_answer(server):
    images_NHWC, _ = band_images(2, seed=3)
    wanted = server.score(images_NHWC.reshape(2, -1).tolist()).json()["predictions"]
    forms = [images_NHWC.tolist(), images_NHWC[..., 0].tolist(), (images_NHWC / 255).reshape(2, -1).tolist()]
    for form in forms:
        assert server.score(form).json()["predictions"] == wanted
    inverted = (255 - images_NHWC).reshape(2, -1).tolist()
    assert server.score(inverted, invert=True).json()["predictions"] == wanted
    response = server.client.post("/score?invert=true", json={"data": inverted})
    assert response.json()["predictions"] == wanted


def test_one_row_gets_the_same_as_in_a_batch(server):
    images_NHWC, _ = band_images(200, seed=4)
    rows = images_NHWC.reshape(200, -1).tolist()
    together = server.score(rows).json()["predictions"]
    for row, prediction in zip(rows[:5], together, strict=False):
        alone = server.score([row]).json()["predictions"][0]
        assert alone["label"] == prediction["label"]
        np.testing.assert_allclose(alone["probabilities"], prediction["probabilities"], atol=1e-6)


def test_an_ambiguous_request_is_answered_with_a_warning(server):
    body = server.score([[0, 1] * 18]).json()
    assert body["scale"] == "0-255"
    assert len(body["warnings"]) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_file_goes_the_way_of_ingestion(server, tiny, kind):
    image_HWC = band_images(3, seed=2)[0][2]
    content = png(image_HWC, (12, 12), kind)
    prepared = images.prepare(content, SHAPE_HWC, reference=tiny.normal)
    wanted = tiny.predict(prepared.image_HWC[None]).probs_NK[0]
    for headers in ({"content-type": f"image/{kind.lower()}"}, {}):
        body = server.client.post("/score", content=content, headers=headers).json()
        assert body["predictions"][0]["label"] == "bottom"
        np.testing.assert_allclose(body["predictions"][0]["probabilities"], wanted, atol=1e-6)
        assert body["warnings"] == []


def test_an_image_that_looks_inverted_gets_a_warning_and_invert_turns_it(tmp_path):
    image_HWC = np.zeros(SHAPE_HWC, np.uint8)
    image_HWC[2:4, 1:5] = 250  # light on dark, the border all dark
    normal = bundle.describe_normal(image_HWC[None], np.zeros(1, np.int64), np.eye(3, dtype=np.float32)[:1])
    dark = write_tiny(tmp_path / "dark", reference=normal)
    with serving(tmp_path, bundle_folder=str(dark.folder)) as server:
        wanted = server.client.post("/score", content=png(image_HWC)).json()
        assert (wanted["warnings"], wanted["predictions"][0]["label"]) == ([], "middle")
        body = server.client.post("/score", content=png(255 - image_HWC)).json()
        assert "inverted" in body["warnings"][0]
        turned = server.client.post("/score?invert=true", content=png(255 - image_HWC)).json()
        assert (turned["warnings"], turned["predictions"]) == ([], wanted["predictions"])


def test_an_image_far_from_the_training_size_gets_a_warning(server):
    body = server.client.post("/score", content=png(band_images(1)[0][0], (300, 300))).json()
    assert "far from the training size" in body["warnings"][0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_as_in_a_tutorial(server, tmp_path):
    (tmp_path / "digit.png").write_bytes(png(band_images(3)[0][1]))
    rows = json.dumps({"data": band_images(3)[0].reshape(3, -1).tolist()})
    for arguments in (["--data-binary", f"@{tmp_path / 'digit.png'}"], ["-d", rows]):
        done = subprocess.run(
            ["curl", "--silent", "--show-error", *arguments, f"{server.url}/score"], capture_output=True, check=True
        )
        assert json.loads(done.stdout)["predictions"][-1]["label"] in CLASS_NAMES


BAD_BODIES = [
    (b"{", {}, 400, "usage_error"),
    (b"", {}, 400, "usage_error"),
    (b'{"data": [[1, 2]]}', {}, 422, "data_error"),
    (b'{"data": [[' + b"0," * 35 + b"NaN]]}", {}, 422, "data_error"),
    (b'{"data": [[' + b"0," * 35 + b"256]]}", {}, 422, "data_error"),
    (b'{"data": [[' + b"9," * 35 + b'"x"]]}', {}, 422, "data_error"),
    (json.dumps({"data": [[0] * 36] * 501}).encode(), {}, 422, "data_error"),
    (b"\x89PNG\r\n\x1a\nnot really", {}, 422, "data_error"),
    (b"GIF?", {"content-type": "image/png"}, 422, "data_error"),
    (b"", {"content-type": "image/png"}, 422, "data_error"),
    (b"--x", {"content-type": "multipart/form-data; boundary=x"}, 400, "usage_error"),
    (b"--x", {"content-type": "multipart/mixed; boundary=x"}, 415, "unsupported_media_type"),
    (b"\x1f\x8b", {"content-encoding": "gzip"}, 415, "unsupported_media_type"),
    (b" " * 2_000_001, {}, 413, "body_too_large"),
    (b"{}", {"azureml-model-deployment": "green"}, 404, "no_such_deployment"),
    (b"{}", {"x-request-id": "x" * 101}, 431, "header_too_long"),
]


@pytest.mark.parametrize(("content", "headers", "status", "error_code"), BAD_BODIES)
def test_a_bad_request_gets_its_status_and_the_one_error_body(server, content, headers, status, error_code):
    body = is_error(server.client.post("/score", content=content, headers=headers), status, error_code)
    assert body["message"].count("\n") >= 2  # received, accepted, next
    assert server.client.get("/v2/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "error_code"),
    [
        ("PUT", "/score", 405, "method_not_allowed"),
        ("DELETE", "/score", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("GET", "/health", 404, "no_such_path"),
        ("POST", "/score?invert=maybe", 422, "data_error"),
        ("POST", "/score?scale=1", 422, "data_error"),
        ("GET", "/swagger.json?version=9", 404, "no_such_version"),
    ],
)
def test_a_wrong_path_or_method_gets_it_too(server, method, path, status, error_code):
    is_error(server.client.request(method, path, json={"data": [[0] * 36]}), status, error_code)


def test_bytes_that_are_no_http_get_it_too(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert set(json.loads(body)) == ERROR_KEYS


def test_a_body_in_pieces_is_one_body_and_has_the_same_limit(server):
    content = json.dumps({"data": band_images(3)[0].reshape(3, -1).tolist()}).encode()

    def pieces():
        for start in range(0, len(content), 50):
            yield content[start : start + 50]

    assert len(server.client.post("/score", content=pieces()).json()["predictions"]) == 3
    is_error(server.client.post("/score", content=(b" " * 65536 for _ in range(40))), 413, "body_too_large")


def test_a_client_that_leaves_in_the_middle_harms_nobody(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{")
    assert server.score(band_images(1)[0].reshape(1, -1).tolist()).status_code == 200
    assert "Traceback" not in server.log


def test_request_ids_are_all_different_and_the_clients_own_id_comes_back(server):
    rows = band_images(1)[0].reshape(1, -1).tolist()
    ids = {server.score(rows).json()["request_id"] for _ in range(20)}
    assert len(ids) == 20
    headers = {"x-ms-client-request-id": "my id <7>" + "x" * 60}
    response = server.client.post("/score", json={"data": rows}, headers=headers)
    assert response.headers["x-ms-client-request-id"] == ("myid7" + "x" * 60)[:40]


def test_the_pages_about_the_server(server):
    home = server.client.get("/")
    assert (home.text, home.headers["content-type"]) == ("Healthy", "text/html; charset=utf-8")
    assert server.client.get("/v2/health/live").json() == {"live": True}
    assert server.client.get("/v2/health/ready").json() == {"ready": True, "deployments": {"blue": "bands:3"}}
    assert server.client.head("/v2/health/ready").status_code == 200
    options = server.client.options("/score")
    assert (options.status_code, options.text, options.headers["allow"]) == (200, "", "GET, POST, OPTIONS")


def test_swagger_is_version_2_unless_asked_otherwise(server):
    document = server.client.get("/swagger.json").json()
    assert document["swagger"] == "2.0"
    assert document == server.client.get("/swagger.json?version=2").json()
    row = document["definitions"]["ServiceInput"]["properties"]["data"]["items"]
    assert (row["minItems"], row["maxItems"]) == (36, 36)
    references = set(json.dumps(document).split('"$ref": "')[1:])
    assert all(
        reference.split('"')[0].removeprefix("#/definitions/") in document["definitions"] for reference in references
    )
    newer = server.client.get("/swagger.json?version=3").json()
    assert newer["openapi"].startswith("3.")
    assert "image/png" in newer["paths"]["/score"]["post"]["requestBody"]["content"]


def test_the_example_in_swagger_is_answered(server):
    example = server.client.get("/swagger.json").json()["definitions"]["ServiceInput"]["example"]
    assert server.client.post("/score", json=example).status_code == 200


def test_feedback_for_an_answer_of_a_moment_ago(server):
    since = time.time()
    request_id = server.score(band_images(3)[0].reshape(3, -1).tolist()).json()["request_id"]
    for position, label in [(0, "top"), (2, "middle")]:
        response = server.client.post(
            "/feedback", json={"request_id": request_id, "label": label, "position": position}
        )
        assert (response.status_code, response.json()["recorded"]) == (200, 1), response.text
    window = read_window(server.database, "bands", since)
    index = next(row for row, status in enumerate(window.status_R) if status == 200)
    assert window.n_images_R[index] == 3
    assert window.label_N[:3].tolist() == [0, 1, 2]
    assert window.feedback_N[:3].tolist() == [0, -1, 1]
    assert window.latency_ms_R[index] > 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"request_id": "nobody-1", "label": "top"}, 404),
        ({"label": "top"}, 422),
        ({"request_id": "x", "label": None}, 422),
        ({"request_id": "x", "label": "top", "position": "first"}, 422),
        ({"request_id": "x", "label": "top", "where": 1}, 422),
        ([], 422),
    ],
)
def test_feedback_that_fits_nothing_is_refused(server, body, status):
    codes = {404: "not_found_error", 422: "data_error"}
    is_error(server.client.post("/feedback", json=body), status, codes[status])


def test_feedback_with_a_label_that_the_model_lacks(server):
    request_id = server.score(band_images(1)[0].reshape(1, -1).tolist()).json()["request_id"]
    response = server.client.post("/feedback", json={"request_id": request_id, "label": "side"})
    assert "top, middle, bottom" in is_error(response, 422, "data_error")["message"]
    is_error(server.client.post("/feedback", content=b"no"), 400, "usage_error")


def test_many_clients_at_once_each_get_their_own_answer(server):
    images_NHWC, labels_N = band_images(60, seed=6)
    rows = images_NHWC.reshape(60, -1).tolist()

    async def scenario():
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            return await asyncio.gather(*(client.post("/score", json={"data": [row]}) for row in rows * 3))

    answers = [response.json()["predictions"][0]["label"] for response in asyncio.run(scenario())]
    assert answers == [CLASS_NAMES[label] for label in labels_N] * 3


def test_the_serving_process_holds_no_forbidden_module(tiny):
    code = f"""
import sys
from pathlib import Path
import pigeonhole.serving.__main__
from pigeonhole.serving.app import App
from pigeonhole.serving.server import load, warm_up, _prepare, _Server
from pigeonhole.serving.config import ServingConfig
bundle = load(Path({str(tiny.folder)!r}))
warm_up(bundle)
from pigeonhole.serving.protocols import image_body
import io
from PIL import Image
buffer = io.BytesIO(); Image.new("L", (9, 9)).save(buffer, "PNG")
config = ServingConfig.of_bundle(bundle.folder)
deployments = [_prepare(config, told) for told in config.deployments]
_Server(App(config, deployments, "x"), config, None, 0.0)
image_body.decode(buffer.getvalue(), {{}}, b"", deployments[0].facts)()
forbidden = {{"torch", "sklearn", "xgboost", "lightgbm", "mlflow", "pandas", "pyarrow", "onnx", "scipy", "matplotlib",
              "sqlalchemy", "pydantic", "pigeonhole.models", "pigeonhole.data", "pigeonhole.tracking",
              "pigeonhole.monitoring"}}
print(sorted(forbidden & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_off_loopback_a_key_is_wanted(tiny, tmp_path):
    with serving(
        tmp_path, bundle_folder=str(tiny.folder), host="0.0.0.0", key_hashes=[hash_key("k1"), hash_key("k2")]
    ) as server:
        body = {"data": band_images(1)[0].reshape(1, -1).tolist()}
        for path in ("/", "/v2/health/live", "/v2/health/ready"):
            assert server.client.get(path).status_code == 200
        wrong = ["", "k1", "Bearer", "Bearer wrong", "Basic k1", "Bearer k1k2", f"Bearer {hash_key('k1')}"]
        for value in [None, *wrong]:
            headers = {} if value is None else {"authorization": value}
            response = server.client.post("/score", json=body, headers=headers)
            is_error(response, 401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
        for path in ("/metrics", "/swagger.json", "/nowhere"):
            is_error(server.client.get(path), 401, "unauthorized")
        for key in ("k1", "k2"):
            headers = {"authorization": f"Bearer {key}"}
            assert server.client.post("/score", json=body, headers=headers).status_code == 200
        document = server.client.get("/swagger.json", headers=headers).json()
        assert document["security"] == [{"Bearer": []}]


def test_colour_and_no_prediction_log(colour, tmp_path):
    with serving(tmp_path, bundle_folder=str(colour.folder)) as server:
        images_NHWC, labels_N = band_images(3, (6, 8, 3))
        answers = server.score(images_NHWC.tolist()).json()
        assert answers["model"] == "colour"
        assert [prediction["label"] for prediction in answers["predictions"]] == [CLASS_NAMES[k] for k in labels_N]
        body = server.client.post("/score", content=png(images_NHWC[2])).json()
        assert body["predictions"][0]["label"] == "bottom"
        is_error(server.client.post("/feedback", json={}), 501, "no_prediction_log")
