"""Line by line what Azure's inference server and its gateway do with a user's script."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from pigeonhole.serving import hash_key
from tests.endpoints.waiting import wait_for
from tests.scripts.writing import write_script
from tests.serving.script_in_process import ENDPOINT, scripted

JSON = {"content-type": "application/json"}
RUN_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."
UNFIT = "An unexpected internal error occurred. Check the logs for more info."


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_script(tmp_path_factory.mktemp("scripts") / "plain")


@pytest.fixture(scope="module")
def served(plain):
    """What `serve` is."""
    with scripted(plain) as ask:
        yield ask


@pytest.fixture(scope="module")
def deployed(plain):
    """What an endpoint is."""
    with scripted(plain, **ENDPOINT, key_hashes=(hash_key("a key"),)) as ask:
        yield ask


def asked(ask, value, method="POST", headers=None, **more):
    """The answer to a body, which is JSON unless it is bytes."""
    content = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    key = {"authorization": "Bearer a key"} if ask.app._keys else {}

    async def scenario(client):
        return await client.request(
            method, "/score", content=content, headers={**JSON, **key, **(headers or {})}, **more
        )

    return ask(scenario)


def is_failure(response, status, message, code, failed="False"):
    body = response.json()
    assert (response.status_code, body["message"], body["error"]) == (status, message, message)
    assert set(body) == {"error", "message", "error_code", "request_id"}
    assert body["error_code"] == code
    assert body["request_id"] == response.headers["x-request-id"]
    assert response.headers["x-ms-run-function-failed"] == failed


# 4.1, what `serve` answers.


def test_home_says_healthy_and_health_is_no_route(served):
    async def scenario(client):
        home = await client.get("/")
        assert (home.status_code, home.text) == (200, "Healthy")
        assert home.headers["content-type"].startswith("text/html")
        assert (await client.get("/health")).status_code == 404

    served(scenario)


def test_a_value_comes_back_as_json_with_the_headers(served):
    response = asked(served, {"data": [[1, 2.5], None]})
    assert (response.status_code, response.text) == (200, '{"data": [[1, 2.5], null]}')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-ms-run-function-failed"] == "False"
    assert re.fullmatch(r"\d+\.\d{3}", response.headers["x-ms-run-fn-exec-ms"])
    assert response.headers["x-ms-server-version"].startswith("pigeonhole/")
    assert response.headers["x-request-id"] == response.headers["x-ms-request-id"]


def test_a_text_is_encoded_twice_and_none_is_an_empty_object(served):
    assert asked(served, "text").text == '"[1, 2]"'
    assert asked(served, "none").text == "{}"


@pytest.mark.parametrize("body", ["raise", "exit", b"{no json", b""])
def test_a_run_that_raises_is_500_and_the_header_says_so(served, body):
    is_failure(asked(served, body), 500, RUN_FAILED, "script_failed", "True")


def test_a_value_that_is_no_json_is_500_and_no_failure_of_run(served):
    is_failure(asked(served, "set"), 500, UNFIT, "script_answer_unfit", "False")


def test_a_script_over_its_time_is_500_and_the_next_one_is_answered(plain, monkeypatch):
    monkeypatch.setenv("SCORING_TIMEOUT_MS", "1500")
    with scripted(plain, request_timeout_s=1.0) as ask:
        assert asked(ask, "environment").json()["SCORING_TIMEOUT_MS"] == "1500"
        response = asked(ask, "sleep")
        is_failure(response, 500, "Scoring timeout after 1500 ms", "scoring_timeout", "True")
        assert asked(ask, [1]).json() == [1]


def test_a_body_that_is_no_text_is_400(served):
    response = asked(served, b"\xff\xfe")
    assert response.json()["message"].startswith("Input cannot be decoded as UTF-8: ")
    is_failure(response, 400, response.json()["message"], "not_utf8")


def test_a_form_leaves_run_an_empty_text(served):
    form = {"content-type": "application/x-www-form-urlencoded"}
    is_failure(asked(served, [1], headers=form), 500, RUN_FAILED, "script_failed", "True")
    assert asked(served, [1], headers={"content-type": "text/plain"}).json() == [1]


def test_a_get_is_asked_its_parameters_as_json(served):
    response = asked(served, None, "GET", params=[("a", "1"), ("b", "[1,2]"), ("c", "x"), ("d", "1"), ("d", "y")])
    assert (response.status_code, response.json()) == (200, {"a": 1, "b": [1, 2], "c": "x", "d": [1, "y"]})


def test_options_is_empty_and_other_methods_are_405(served):
    options = asked(served, None, "OPTIONS")
    assert (options.status_code, options.content) == (200, b"")
    for method in ("PUT", "DELETE"):
        response = asked(served, None, method)
        assert (response.status_code, response.json()["error_code"]) == (405, "method_not_allowed")


def test_the_description_is_2_0_unless_another_is_asked_for(served):
    async def scenario(client):
        assert (await client.get("/swagger.json")).json()["swagger"] == "2.0"
        for version, key in (("2", "swagger"), ("3", "openapi"), ("3.1", "openapi")):
            document = (await client.get(f"/swagger.json?version={version}")).json()
            assert document[key].startswith(version)
            assert set(document["paths"]) == {"/", "/score"}
        other = await client.get("/swagger.json?version=4")
        assert other.status_code == 404
        assert "2, 3, 3.1" in other.json()["message"]

    served(scenario)


@pytest.mark.parametrize("name", ["x-request-id", "x-ms-client-request-id"])
def test_an_id_of_more_than_a_hundred_characters_is_431(served, name):
    assert asked(served, [1], headers={name: "x" * 100}).status_code == 200
    assert asked(served, [1], headers={name: "x" * 101}).status_code == 431


def test_the_environment_is_that_of_azure(served, plain):
    found = asked(served, "environment").json()
    assert found["AZUREML_MODEL_DIR"] == found["AML_APP_ROOT"] == str(plain)
    assert found["AZUREML_ENTRY_SCRIPT"] == "score.py"
    assert (found["WORKER_COUNT"], found["SCORING_TIMEOUT_MS"]) == ("1", "3600000")


# 4.2, what the gateway adds.


def test_without_the_right_key_it_is_401_and_the_script_never_sees_the_key(deployed, tmp_path):
    assert asked(deployed, [1], headers={"authorization": "Bearer wrong"}).status_code == 401
    code = "def init(): pass\ndef run(data, request_headers): return request_headers"
    with scripted(write_script(tmp_path / "headers", code), **ENDPOINT, key_hashes=(hash_key("a key"),)) as ask:
        response = asked(ask, [1], headers={"x-mine": "1"})
        assert response.json()["X-Mine"] == "1"
        assert response.json()["Content-Type"] == "application/json"
        assert response.json()["X-Request-Id"] == response.headers["x-request-id"]
        assert "Authorization" not in response.json()


@pytest.mark.parametrize(
    ("body", "status", "code", "failed"),
    [
        ("raise", "500", "script_failed", "True"),
        ("set", "500", "script_answer_unfit", "False"),
        ("end", "500", "script_lost", "True"),
        (b"\xff", "400", "not_utf8", "False"),
    ],
)
def test_whatever_is_not_200_is_424_with_the_status_of_the_script(deployed, body, status, code, failed):
    response = asked(deployed, body)
    is_failure(response, 424, response.json()["message"], code, failed)
    assert response.headers["ms-azureml-model-error-statuscode"] == status
    assert response.headers["ms-azureml-model-error-reason"] == code
    assert asked(deployed, [1]).json() == [1]


def test_a_request_over_its_time_is_408_and_the_next_one_is_answered(plain):
    with scripted(plain, **ENDPOINT, request_timeout_s=1.5) as ask:
        before = asked(ask, "pid").json()
        response = asked(ask, "sleep")
        assert (response.status_code, response.json()["error_code"]) == (408, "request_timeout")
        # Until it has started again, a request may take too long as well.
        assert wait_for(lambda: (answer := asked(ask, "pid")).status_code == 200 and answer.json(), "it") != before


def test_a_deployment_that_is_not_there_is_404(deployed):
    response = asked(deployed, [1], headers={"azureml-model-deployment": "green"})
    assert (response.status_code, response.json()["error_code"]) == (404, "no_such_deployment")
    assert asked(deployed, [1], headers={"azureml-model-deployment": "blue"}).json() == [1]


def test_other_protocols_are_refused_since_only_the_script_knows_its_own(deployed):
    async def scenario(client):
        headers = {"authorization": "Bearer a key"}
        answer = await client.post("/invocations", json={"inputs": [[1]]}, headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "not_for_a_script")
        answer = await client.post("/v2/models/mine/infer", json={}, headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "no_such_model")
        assert (await client.get("/v2/health/ready")).status_code == 200

    deployed(scenario)


def test_a_full_queue_is_429_and_says_when_to_come_again(plain):
    with scripted(plain, **ENDPOINT, max_waiting_requests=2) as ask:

        async def scenario(client):
            waiting = [asyncio.ensure_future(client.post("/score", json="sleep")) for _ in range(2)]
            while ask.deployed.batcher.requests < 2:
                await asyncio.sleep(0.01)
            answer = await client.post("/score", json=[1])
            assert (answer.status_code, answer.json()["error_code"]) == (429, "too_many_waiting")
            assert answer.headers["retry-after"] == "1"
            for each in waiting:
                each.cancel()

        ask(scenario)


def test_one_request_at_a_time_in_the_order_of_their_coming(served):
    async def scenario(client):
        answers = await asyncio.gather(*(client.post("/score", json=["pid", number]) for number in range(20)))
        assert [answer.json() for answer in answers] == [["pid", number] for number in range(20)]

    served(scenario)


def test_a_script_is_counted_as_any_deployment(plain):
    with scripted(plain, **ENDPOINT) as ask:

        async def scenario(client):
            for value, n in ((1, 3), ("raise", 2), ("end", 1)):
                for _ in range(n):
                    await client.post("/score", json=value)
            assert (await client.post("/score", json=1)).status_code == 200
            text = (await client.get("/metrics")).text
            for line in (
                'pigeonhole_requests_total{deployment="blue",route="/score",status="200"} 4',
                'pigeonhole_requests_total{deployment="blue",route="/score",status="424"} 3',
                'pigeonhole_errors_total{deployment="blue",error_code="script_failed"} 2',
                'pigeonhole_model_duration_seconds_count{deployment="blue"} 7',
                'pigeonhole_queue_wait_seconds_count{deployment="blue"} 7',
                'pigeonhole_script_restarts_total{deployment="blue"} 1',
                'pigeonhole_waiting_requests{deployment="blue"} 0',
            ):
                assert line in text

        ask(scenario)


def test_the_request_settings_of_azure_hold_for_a_script(tmp_path):
    code = """
        import json, os, time
        def init(): pass
        def run(data):
            value = json.loads(data)
            while value == "hold" and not os.path.exists("go"):
                time.sleep(0.01)
            return value
    """
    folder = write_script(tmp_path / "held", code)
    settings = {"max_concurrent_requests_per_instance": 1, "max_queue_wait_ms": 1000}
    with scripted(folder, **ENDPOINT, request_settings=settings) as ask:

        async def scenario(client):
            held = asyncio.ensure_future(client.post("/score", json="hold"))
            while ask.deployed.batcher.requests < 1:
                await asyncio.sleep(0.01)
            waits = asyncio.ensure_future(client.post("/score", json="waits"))
            while ask.deployed.batcher.requests < 2:
                await asyncio.sleep(0.01)
            refused = await client.post("/score", json="refused")
            assert (refused.status_code, refused.json()["error_code"]) == (429, "too_many_waiting")
            await asyncio.sleep(1.1)  # longer than it may wait; the longer, the truer
            (folder / "go").write_text("")
            assert (await held).json() == "hold"
            late = await waits
            assert (late.status_code, late.json()["error_code"]) == (429, "waited_too_long")
            assert late.headers["retry-after"] == "1"

        ask(scenario)
    with scripted(folder, **ENDPOINT, request_settings={"request_timeout_ms": 1000}) as ask:
        (folder / "go").unlink()
        answer = asked(ask, "hold")
        assert (answer.status_code, answer.json()["error_code"]) == (408, "request_timeout")
        assert "1000 ms" in answer.json()["message"]
