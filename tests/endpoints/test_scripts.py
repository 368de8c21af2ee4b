"""Endpoints that answer with a user's script: in a process beside the server, which nothing it does can harm."""

from __future__ import annotations

import os
import signal

import httpx
import psutil
import pytest

from pigeonhole import endpoints, monitoring
from pigeonhole.predictions import read_window
from tests.endpoints.asking import ROWS, deploy, is_gone, states
from tests.endpoints.waiting import wait_for
from tests.scripts.writing import EXAMPLE, register, write_script


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    return register(write_script(folder / "plain"), folder / "staged")


def ask(status, value, deployment=None):
    headers = {"azureml-model-deployment": deployment} if deployment else {}
    return httpx.post(f"{status.url}/score", json=value, headers=headers, timeout=60)


def log_of(workspace):
    return "\n".join(endpoints.logs(workspace, "bands", 500))


def test_a_script_is_deployed_answers_and_leaves_nothing_behind(workspace, plain):
    status = deploy(workspace, plain, "mine:1")
    assert (status.state, status.reason) == ("Healthy", "mine:1 answers")
    pid = ask(status, "pid").json()
    assert pid not in status.pids
    assert psutil.Process(pid).ppid() in status.pids
    assert ask(status, "print").json() == "print"
    answer = ask(status, "raise")
    assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
    assert deploy(workspace, plain, "mine:1").unchanged
    endpoints.stop(workspace, "bands")
    wait_for(lambda: is_gone(pid), "the script's end")
    told = log_of(workspace)
    for line in ("a word from the script", "and one of trouble", "ValueError: the script broke"):
        assert line in told
    window = read_window(workspace.database, "bands")
    assert window.status_R.tolist() == [200, 200, 424]
    assert window.error_code_R == (None, None, "script_failed")
    found = monitoring.signals(window, window.class_names)
    assert (found.requests, found.errors, found.images, found.class_mix) == (3, 1, 0, {})


def test_a_script_whose_init_fails_is_failed_with_its_traceback(workspace, tmp_path):
    code = "def init():\n    raise RuntimeError('no weights')\ndef run(data): pass"
    status = deploy(workspace, register(write_script(tmp_path / "broken", code), tmp_path / "staged"), "mine:1")
    assert (status.state, status.deployed, status.pids) == ("Failed", False, ())
    assert "exit code 3" in status.reason
    assert "UserScriptInitFailed: init() of score.py raised RuntimeError: no weights" in status.reason
    log = status.reason.partition("the end of its log:\n")[2]
    assert "Traceback" in log
    assert "line 2, in init" in log
    assert "mend score.py" in status.remedy
    assert states(workspace) == ["Transitioning", "Transitioning", "Failed"]


def test_a_script_beside_a_bundle_shares_its_traffic_and_never_harms_it(workspace, tiny, plain):
    deploy(workspace, tiny)
    status = deploy(workspace, plain, "mine:1", deployment="green", traffic={"blue": 50, "green": 50})
    body = {"data": ROWS}
    with httpx.Client(timeout=60) as client:
        answers = [client.post(f"{status.url}/score", json=body).json() for _ in range(100)]
    assert sum("predictions" in answer for answer in answers) == 50
    assert answers.count(body) == 50
    first = ask(status, "pid", "green").json()
    os.kill(first, signal.SIGKILL)
    assert all("predictions" in ask(status, body, "blue").json() for _ in range(5))
    assert ask(status, "pid", "green").json() != first
    for what in ("end", "crash"):
        assert ask(status, what, "green").status_code == 424
        assert "predictions" in ask(status, body, "blue").json()
    assert ask(status, body, "green").json() == body
    assert "ended by SIGSEGV, while it answered the request" in log_of(workspace)
    now = endpoints.show(workspace, "bands")
    assert (now.state, now.pids) == ("Healthy", status.pids)


def test_copies_go_from_a_bundle_to_a_script_and_back(workspace, tiny, plain):
    deploy(workspace, tiny)
    status = deploy(workspace, plain, "mine:1", deployment="green")
    for answering, trying, total in (("blue", "green", 150), ("green", "blue", 300)):
        status = endpoints.update(workspace, "bands", traffic={answering: 100}, mirror={trying: 50})
        assert status.deployed, status.reason
        with httpx.Client(timeout=60) as client:
            for _ in range(100):
                assert client.post(f"{status.url}/score", json={"data": ROWS}).status_code == 200
        wait_for(lambda: len(read_window(workspace.database, "bands").status_R) >= total, "fifty copies")  # noqa: B023
    window = read_window(workspace.database, "bands")
    assert window.status_R.tolist() == [200] * 300
    # The bundle answered a hundred and tried fifty, of three images each.
    assert window.n_images_R.tolist().count(3) == 150


def test_a_script_ends_with_its_server_however_that_ends(workspace, tmp_path):
    status = deploy(workspace, register(EXAMPLE, tmp_path / "staged"), "mine:1")
    assert ask(status, {"data": [[1, 2]]}).json() == [[1, 4]]
    server = psutil.Process(next(pid for pid in status.pids if psutil.Process(pid).children()))
    server = server if "pigeonhole.serving" in server.cmdline() else server.children()[0]
    (script,) = server.children()
    server.kill()
    wait_for(lambda: is_gone(script.pid), "the script's end")
    assert ask(status, {"data": [[1, 2]]}).json() == [[1, 4]]
