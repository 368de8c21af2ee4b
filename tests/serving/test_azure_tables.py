"""Line by line what Azure's inference server and its gateway do, where it concerns a bundle and no script."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import threading

import pytest

from pigeonhole.serving import hash_key
from tests.bundle.tiny_onnx import CLASS_NAMES, band_images
from tests.serving.in_process import asking, running
from tests.serving.server_process import serving

ROWS = band_images(2, seed=21)[0].reshape(2, -1).tolist()
KEY = "a key of some length"


def broken(images_NHWC):
    raise RuntimeError("the model broke")


def is_failure(response, status, code):
    body = response.json()
    assert (response.status_code, body["error_code"]) == (status, code), response.text
    assert set(body) == {"error", "message", "error_code", "request_id"}
    assert body["error"] == body["message"]
    assert body["request_id"] == response.headers["x-request-id"] == response.headers["x-ms-request-id"]
    assert "accepted: " in body["message"]
    assert "next: " in body["message"]
    return body


# What the server says by itself: `serve`.


def test_home_says_healthy_and_health_is_no_route(tiny):
    async def scenario(client):
        home = await client.get("/")
        assert (home.status_code, home.text) == (200, "Healthy")
        assert home.headers["content-type"].startswith("text/html")
        is_failure(await client.get("/health"), 404, "no_such_path")

    asking(running(tiny), scenario)


def test_a_score_has_the_headers_of_azure(tiny):
    async def scenario(client):
        response = await client.post("/score", json={"data": ROWS})
        assert response.status_code == 200
        assert response.headers["x-ms-run-function-failed"] == "False"
        assert float(response.headers["x-ms-run-fn-exec-ms"]) > 0
        assert re.fullmatch(r"pigeonhole/\d+\.\d+\.\d+", response.headers["x-ms-server-version"])
        assert response.headers["x-request-id"] == response.headers["x-ms-request-id"]
        assert response.headers["azureml-model-deployment"] == "blue"

    asking(running(tiny), scenario)


def test_a_model_that_fails_is_500_and_the_header_says_so(tiny, caplog):
    async def scenario(client):
        response = await client.post("/score", json={"data": ROWS})
        body = is_failure(response, 500, "internal_error")
        assert response.headers["x-ms-run-function-failed"] == "True"
        assert "the model broke" not in response.text
        assert body["request_id"] in caplog.text
        assert "the model broke" in caplog.text

    asking(running(tiny, broken), scenario)


def test_a_body_that_is_no_text_is_400_and_no_failure_of_the_model(tiny):
    async def scenario(client):
        response = await client.post("/score", content=b'\xff\xfe{"data"', headers={"content-type": "application/json"})
        is_failure(response, 400, "usage_error")
        assert response.headers["x-ms-run-function-failed"] == "False"

    asking(running(tiny), scenario)


def test_a_get_with_parameters_is_scored_as_their_json(tiny):
    async def scenario(client):
        posted = (await client.post("/score", json={"data": ROWS})).json()
        got = await client.get("/score", params={"data": json.dumps(ROWS), "scale": "0-255"})
        assert got.json()["predictions"] == posted["predictions"]
        turned = await client.get("/score", params={"data": json.dumps(ROWS), "invert": "true"})
        assert turned.json()["predictions"] != posted["predictions"]
        is_failure(await client.get("/score"), 422, "data_error")
        is_failure(await client.get("/score", params={"data": "[[1"}), 422, "data_error")

    asking(running(tiny), scenario)


def test_options_is_empty_and_other_methods_are_405(tiny):
    async def scenario(client):
        options = await client.options("/score")
        assert (options.status_code, options.content) == (200, b"")
        for method in ("PUT", "DELETE", "PATCH"):
            response = await client.request(method, "/score")
            is_failure(response, 405, "method_not_allowed")
            assert response.headers["allow"] == "GET, POST, OPTIONS"

    asking(running(tiny), scenario)


def test_the_description_comes_in_three_versions(tiny):
    async def scenario(client):
        for asked, key, number in (("2", "swagger", "2.0"), ("3", "openapi", "3.0"), ("3.1", "openapi", "3.1")):
            assert (await client.get(f"/swagger.json?version={asked}")).json()[key].startswith(number)
        assert "swagger" in (await client.get("/swagger.json")).json()
        for other in ("4", "", "2.0"):
            response = await client.get(f"/swagger.json?version={other}")
            assert "2, 3, 3.1" in is_failure(response, 404, "no_such_version")["message"]

    asking(running(tiny), scenario)


@pytest.mark.parametrize("name", ["x-request-id", "x-ms-client-request-id"])
def test_an_id_of_more_than_a_hundred_characters_is_431(tiny, name):
    async def scenario(client):
        assert (await client.post("/score", json={"data": ROWS}, headers={name: "x" * 100})).status_code == 200
        response = await client.post("/score", json={"data": ROWS}, headers={name: "x" * 101})
        is_failure(response, 431, "header_too_long")

    asking(running(tiny), scenario)


@pytest.mark.parametrize(
    ("endpoint", "status", "code"), [(None, 500, "scoring_timeout"), ("bands", 408, "request_timeout")]
)
def test_a_model_that_takes_too_long(tiny, endpoint, status, code):
    hold = threading.Event()

    def slow(images_NHWC):
        hold.wait(30)
        return tiny.session.run(images_NHWC)[0]

    async def scenario(client):
        response = await client.post("/score", json={"data": ROWS})
        body = is_failure(response, status, code)
        assert "50 ms" in body["message"]
        assert (response.headers["x-ms-run-function-failed"] == "True") == (endpoint is None)
        hold.set()
        # The next one waits behind the slow batch, and is answered.
        assert (await client.get("/v2/health/ready")).status_code == 200

    asking(running(tiny, slow, seconds_per_image=1.0, endpoint=endpoint, request_timeout_s=0.05), scenario)


def test_a_request_whose_time_is_over_leaves_its_place_in_the_queue(tiny):
    hold, sizes = threading.Event(), []

    def slow(images_NHWC):
        sizes.append(len(images_NHWC))
        hold.wait(60)
        return tiny.session.run(images_NHWC)[0]

    limits = {"max_waiting_requests": 3, "request_timeout_s": 0.05}
    app = running(tiny, slow, seconds_per_image=1.0, endpoint="bands", **limits)
    batcher = app.scorer.router.choose({}).batcher

    async def scenario(client):
        def post(images):
            return asyncio.create_task(client.post("/score", json={"data": ROWS[:1] * images}))

        async def until(holds):
            while not holds():
                await asyncio.sleep(0.005)

        first = post(1)
        await until(lambda: sizes)
        waiting = [post(2), post(2)]
        for response in await asyncio.gather(first, *waiting):
            is_failure(response, 408, "request_timeout")
        # The first is in the model and stays there; the others' images will never be in it.
        assert (batcher.requests, batcher.waiting) == (1, 1)
        app.request_timeout_s = 60.0
        more = [post(3), post(3)]
        await until(lambda: batcher.requests == 3)
        hold.set()
        assert [response.status_code for response in await asyncio.gather(*more)] == [200, 200]
        assert sum(sizes) == 7
        assert (batcher.requests, batcher.waiting) == (0, 0)

    asking(app, scenario)


# What the gateway in front of it adds: a deployed endpoint.


def test_without_the_right_key_it_is_401(tiny):
    async def scenario(client):
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}):
            response = await client.post("/score", json={"data": ROWS}, headers=headers)
            is_failure(response, 401, "unauthorized")
        headers = {"authorization": f"Bearer {KEY}", "azureml-model-deployment": "blue"}
        assert (await client.post("/score", json={"data": ROWS}, headers=headers)).status_code == 200

    asking(running(tiny, endpoint="bands", key_hashes=(hash_key(KEY),)), scenario)


def test_a_model_that_fails_behind_an_endpoint_is_424_with_its_headers(tiny):
    async def scenario(client):
        for path, body in (("/score", {"data": ROWS}), ("/invocations", {"inputs": ROWS})):
            response = await client.post(path, json=body)
            is_failure(response, 424, "model_failed")
            assert response.headers["ms-azureml-model-error-statuscode"] == "500"
            assert response.headers["ms-azureml-model-error-reason"] == "model_failed"
            assert response.headers["x-ms-run-function-failed"] == "True"

    asking(running(tiny, broken, endpoint="bands"), scenario)


def test_a_full_queue_is_429_and_says_when_to_come_again(tiny):
    hold, entered = threading.Event(), threading.Event()

    def slow(images_NHWC):
        entered.set()
        hold.wait(30)
        return tiny.session.run(images_NHWC)[0]

    async def scenario(client):
        first = asyncio.ensure_future(client.post("/score", json={"data": ROWS}))
        await asyncio.to_thread(entered.wait, 30)
        others = [asyncio.ensure_future(client.post("/score", json={"data": ROWS[:1]})) for _ in range(4)]
        refused = [await others.pop(), await others.pop()]
        for response in refused:
            is_failure(response, 429, "too_many_waiting")
            assert response.headers["retry-after"] == "1"
        hold.set()
        answers = [await one for one in (first, *others)]
        assert [answer.status_code for answer in answers] == [200] * 3
        labels = [prediction["label"] for prediction in answers[0].json()["predictions"]]
        assert labels == list(CLASS_NAMES[:2])

    asking(running(tiny, slow, seconds_per_image=1.0, endpoint="bands", max_waiting_requests=3), scenario)


def test_the_clients_id_comes_back_cut_to_forty_and_the_servers_own_overwrites(tiny):
    async def scenario(client):
        headers = {"x-request-id": "mine", "x-ms-client-request-id": "a b/c_d-" + "x" * 60}
        response = await client.post("/score", json={"data": ROWS}, headers=headers)
        assert response.headers["x-request-id"] != "mine"
        assert response.headers["x-ms-client-request-id"] == ("abc_d-" + "x" * 60)[:40]

    asking(running(tiny, endpoint="bands"), scenario)


# The same body whatever the protocol, and slow senders.


@pytest.mark.parametrize("path", ["/score", "/invocations", "/v2/models/bands/infer", "/feedback"])
def test_one_body_for_every_failure_of_every_protocol(tiny, path):
    async def scenario(client):
        missing = await client.post(path, json={"datta": 1})
        assert missing.status_code in (422, 501)
        responses = [missing]
        if path != "/feedback":
            responses.append(await client.post(path, content=b"{"))
            assert responses[-1].status_code == 400
            responses.append(await client.post(path, json={}, headers={"content-encoding": "br"}))
            assert responses[-1].status_code == 415
            responses.append(await client.post(path, content=b" " * 1001))
            assert responses[-1].status_code == 413
        responses.append(await client.delete(path))
        assert responses[-1].status_code == 405
        for response in responses:
            is_failure(response, response.status_code, response.json()["error_code"])

    asking(running(tiny, max_body_bytes=1000), scenario)


def test_a_client_that_sends_too_slowly_gets_408_and_the_others_are_served(tiny, tmp_path):
    config = {"model": "bands:3", "endpoint": "bands", "database_url": f"sqlite:///{tmp_path / 'workspace.db'}"}
    body = "content-length: 100\r\n\r\n{"
    slow = [f"POST {path} HTTP/1.1\r\nhost: x\r\n{body}" for path in ("/score", "/feedback", "/v2/models/bands/infer")]
    slow += ["POST /score HT", "POST /score HTTP/1.1\r\nhost: x\r\n"]
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder), request_timeout_s=0.3, **config) as server,
        contextlib.ExitStack() as stack,
    ):
        address = ("127.0.0.1", server.port)
        connections = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in slow]
        silent = stack.enter_context(socket.create_connection(address, timeout=30))
        for begun, connection in zip(slow, connections, strict=True):
            connection.sendall(begun.encode())
        assert server.score(ROWS).status_code == 200
        for connection in connections:
            # Reads until the server closes the connection.
            head, _, body = b"".join(iter(lambda: connection.recv(4096), b"")).partition(b"\r\n\r\n")  # noqa: B023
            assert head.startswith(b"HTTP/1.1 408 ")
            assert json.loads(body)["error_code"] == "request_timeout"
        assert silent.recv(100) == b""


def test_a_head_without_end_is_refused(tiny, tmp_path):
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        connection.sendall(b"POST /score HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(200):
                connection.sendall(b"x-%d: " % number + b"y" * 1000 + b"\r\n")
        assert server.score(ROWS).status_code == 200
        # It may be reset before its answer is read, since it goes on sending.
        with contextlib.suppress(ConnectionError):
            assert connection.recv(100).startswith(b"HTTP/1.1 431 ")
