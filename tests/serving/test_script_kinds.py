"""The kinds of run() that Azure's tutorials have: the raw request, named arguments by a schema, the headers beside."""

from __future__ import annotations

import numpy as np
import pytest

from pigeonhole.core.errors import DataError
from tests.scripts.writing import EXAMPLE, write_script
from tests.serving.script_in_process import ENDPOINT, scripted

RAW = """
    from azureml.contrib.services.aml_request import AMLRequest, rawhttp
    from azureml.contrib.services.aml_response import AMLResponse
    import flask

    def init():
        pass

    @rawhttp
    def run(request):
        assert isinstance(request, AMLRequest) and isinstance(request, flask.Request)
        if request.method == "GET":
            return AMLResponse("sent nothing, asked " + request.args.get("q", ""), 200)
        if "image" in request.files:
            content = request.files["image"].read()
            return AMLResponse(content[::-1], 200, {"Content-Type": "image/x-mine", "X-Two": "a, b"})
        what = request.get_json()
        if what == "created":
            return AMLResponse({"made": 1}, 201, json_str=True)
        if what == "away":
            return AMLResponse("nothing here", 404)
        if what == "broken":
            return flask.Response("it broke", 503)
        if what == "odd":
            return AMLResponse("?", 299)
        return [request.headers["X-Mine"], len(request.get_data()), request.path]
"""
SCHEMA = """
    import numpy as np
    from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
    from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
    from inference_schema.schema_decorators import input_schema, output_schema

    def init():
        pass

    @input_schema("data", NumpyParameterType(np.array([[1.0, 2.0]])))
    @input_schema("factor", StandardPythonParameterType(2.0))
    @output_schema(StandardPythonParameterType([[1.0, 2.0]]))
    def run(data, factor):
        assert isinstance(data, np.ndarray)
        return (data * factor).tolist()
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    with scripted(write_script(tmp_path_factory.mktemp("scripts") / "raw", RAW)) as ask:
        yield ask


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    with scripted(write_script(tmp_path_factory.mktemp("scripts") / "schema", SCHEMA)) as ask:
        yield ask


def test_a_raw_script_gets_the_request_of_flask(raw):
    async def scenario(client):
        answer = await client.get("/score?q=%C3%BC")
        assert (answer.status_code, answer.text) == (200, "sent nothing, asked ü")
        answer = await client.post("/score", json=[1, 2], headers={"x-mine": "7"})
        assert answer.json() == ["7", len(answer.request.content), "/score"]

    raw(scenario)


def test_an_image_is_uploaded_to_a_raw_script_and_bytes_come_back(raw):
    content = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()

    async def scenario(client):
        answer = await client.post("/score", files={"image": ("digit.png", content, "image/png")})
        assert (answer.status_code, answer.content) == (200, content[::-1])
        assert answer.headers["content-type"] == "image/x-mine"
        assert answer.headers.get_list("x-two") == ["a", "b"]
        assert answer.headers["x-ms-run-function-failed"] == "False"

    raw(scenario)


def test_a_response_of_the_script_goes_out_as_it_is(raw):
    async def scenario(client):
        answer = await client.post("/score", json="created")
        assert (answer.status_code, answer.text) == (201, '{"made": 1}')
        answer = await client.post("/score", json="away")
        assert (answer.status_code, answer.text) == (404, "nothing here")
        assert answer.headers["x-ms-run-function-failed"] == "False"
        answer = await client.post("/score", json="broken")
        assert (answer.status_code, answer.text) == (503, "it broke")
        assert answer.headers["x-ms-run-function-failed"] == "True"
        answer = await client.post("/score", json="odd")
        assert (answer.status_code, answer.json()["error_code"]) == (500, "script_answer_unfit")

    raw(scenario)


def test_behind_an_endpoint_a_response_of_the_script_is_424_with_its_status(tmp_path):
    with scripted(write_script(tmp_path / "raw", RAW), **ENDPOINT) as ask:

        async def scenario(client):
            for what, status, text in (("away", "404", "nothing here"), ("broken", "503", "it broke")):
                answer = await client.post("/score", json=what)
                assert (answer.status_code, answer.text) == (424, text)
                assert answer.headers["ms-azureml-model-error-statuscode"] == status
            assert (await client.get("/score")).status_code == 200

        ask(scenario)


def test_a_schema_gives_run_named_values_of_its_types(schema):
    async def scenario(client):
        answer = await client.post("/score", json={"data": [[1, 2]], "factor": 3, "unknown": 1})
        assert answer.json() == [[3, 6]]
        answer = await client.get("/score", params={"data": "[[1, 2]]", "factor": "0.5"})
        assert answer.json() == [[0.5, 1]]
        answer = await client.post("/score", json={"data": [[1, 2]]})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "missing_parameter")
        assert "factor" in answer.json()["message"]
        for body in (b"[1]", b"{"):
            answer = await client.post("/score", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 400
        answer = await client.post("/score", content=b'{"data": 1}', headers={"content-type": "text/plain"})
        assert (answer.status_code, answer.json()["error_code"]) == (415, "unsupported_media_type")
        document = (await client.get("/swagger.json?version=3")).json()
        described = document["components"]["schemas"]["ServiceInput"]["properties"]
        assert set(described) == {"data", "factor"}

    schema(scenario)


def test_the_tutorials_example_finds_its_weights_beside_it(capfd):
    with scripted(EXAMPLE) as ask:

        async def scenario(client):
            answer = await client.post("/score", json={"data": [[1, 2], [3, 4]]})
            assert answer.json() == [[1, 4], [3, 8]]

        ask(scenario)
    told = capfd.readouterr().err
    assert "Init complete" in told
    assert "predicting 2 rows" in told


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import nothing_of_this_name\ndef init(): pass\ndef run(data): pass", "UserScriptImportError"),
        ("def init(): open('/nothing')\ndef run(data): pass", "UserScriptInitFailed"),
        ("import sys\ndef init(): sys.exit(1)\ndef run(data): pass", "UserScriptInitFailed"),
        ("from os import *\ndef init(): pass", "UserScriptFunctionNotFound"),
        ("import os\ndef init(): os._exit(9)\ndef run(data): pass", "ended with exit code 9"),
        ("def init(): pass\nrun = lambda *a: a", "UserScriptFunctionNotFound"),
    ],
)
def test_a_script_that_cannot_be_used_says_why(tmp_path, capfd, code, name):
    folder = write_script(tmp_path / "broken", code)
    with pytest.raises(DataError, match=name) as caught, scripted(folder):
        pass
    assert caught.value.exit_code == 3
    assert ("Traceback" in capfd.readouterr().err) == name.endswith(("ImportError", "InitFailed"))
