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
    now = wait_for(lambda: (now := endpoints.show(workspace, "bands")).state == "Healthy" and now, "a healthy endpoint")
    assert now.pids == status.pids


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


def reasons(workspace, generation):
    """The states of a deployment, with why it was in each."""
    found = [event for event in endpoints.events(workspace, "bands") if event["generation"] == generation]
    return [(event["state"], event["reason"]) for event in found]


def test_one_end_of_a_script_is_unhealthy_and_healthy_again_with_its_reason(workspace, plain):
    status = deploy(workspace, plain, "mine:1")
    os.kill(ask(status, "pid").json(), signal.SIGKILL)
    again = "mine:1 answers; started again once, lastly because it was ended by SIGKILL"
    wait_for(lambda: reasons(workspace, 1)[-1] == ("Healthy", again), "the script's return")
    assert reasons(workspace, 1)[-2] == (
        "Unhealthy",
        "the script of mine:1 does not answer: it was ended by SIGKILL",
    )
    now = endpoints.show(workspace, "bands")
    assert (now.pids, now.deployments[0].restarts) == (status.pids, 1)


SPOILED = """
    import json, os, pathlib

    def init():
        if pathlib.Path({mark!r}).exists():
            raise RuntimeError("the weights are gone")

    def run(data):
        return os.getpid()
"""


@pytest.fixture
def spoiled(tmp_path):
    """A script that does not start any more once there is a file; and that file."""
    mark = tmp_path / "mark"
    return register(write_script(tmp_path / "spoiled", SPOILED.format(mark=str(mark))), tmp_path / "staged"), mark


def test_a_script_that_cannot_be_started_again_is_left_out_without_a_lost_request(workspace, tiny, spoiled):
    folder, mark = spoiled
    deploy(workspace, tiny)
    status = deploy(workspace, folder, "mine:1", deployment="green")
    before = {pid for pid in status.pids if "pigeonhole.serving" in psutil.Process(pid).cmdline()}
    mark.touch()
    os.kill(ask(status, 1, "green").json(), signal.SIGKILL)
    codes = []
    with httpx.Client(timeout=60) as keeping:

        def is_another():
            for client in (keeping, httpx):
                codes.append(client.post(f"{status.url}/score", json={"data": ROWS}, timeout=60).status_code)
            return not before & set(endpoints.show(workspace, "bands").pids)

        wait_for(is_another, "servers without the script", limit_s=120)
    assert set(codes) == {200}
    now = endpoints.show(workspace, "bands")
    blue, green = now.deployments
    assert (blue.state, blue.share, green.state, green.share) == ("Healthy", 100, "Failed", 0)
    assert "UserScriptInitFailed" in green.reason
    assert "RuntimeError: the weights are gone" in green.reason.partition("the end of its log:\n")[2]
    assert "deploy mine:1 as green again" in green.remedy
    assert ask(status, 1, "green").status_code == 404
    told = log_of(workspace)
    assert "ended by SIGKILL" not in told.replace("of green (mine:1) is gone: it was ended by SIGKILL", "")
    # Later changes leave it out too, until it is deployed again.
    mark.unlink()
    assert deploy(workspace, folder, "mine:1", deployment="green", traffic={"green": 100}).deployed
    assert ask(status, 1).status_code == 200


@pytest.mark.full
def test_alone_a_script_that_cannot_be_started_again_is_failed(workspace, spoiled):
    folder, mark = spoiled
    status = deploy(workspace, folder, "mine:1")
    mark.touch()
    os.kill(ask(status, 1).json(), signal.SIGKILL)
    wait_for(lambda: reasons(workspace, 1)[-1][0] == "Failed", "the end of it", limit_s=120)
    told = [state for state, _ in reasons(workspace, 1)]
    assert "Unhealthy" in told[told.index("Healthy") :]
    assert "RuntimeError: the weights are gone" in reasons(workspace, 1)[-1][1]
