from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import psutil
import pytest

from pigeonhole import endpoints
from pigeonhole.core.errors import NotFoundError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints import changing
from pigeonhole.endpoints.resources import cores, memory_gib
from pigeonhole.predictions import read_window
from tests.core import postgres
from tests.endpoints.asking import deploy, free_port, is_gone, score, states, under_load
from tests.endpoints.waiting import wait_for


def test_an_endpoint_answers_is_listed_and_leaves_nothing_behind(workspace, tiny):
    port = free_port()
    status = deploy(workspace, tiny, port=port)
    assert (status.state, status.deployed, status.unchanged, status.key) == ("Healthy", True, False, None)
    assert status.url == f"http://127.0.0.1:{port}"
    assert status.reason == "bands:1 answers"
    (blue,) = status.deployments
    assert (blue.name, blue.model, blue.share, blue.state) == ("blue", "bands:1", 100, "Healthy")
    assert len(status.pids) == 2
    assert score(status).json()["model"] == "bands:1"
    assert [each.name for each in endpoints.list_endpoints(workspace)] == ["bands"]
    assert endpoints.show(workspace, "bands").to_dict()["state"] == "Healthy"
    json.dumps(status.to_dict())
    stopped = endpoints.stop(workspace, "bands")
    assert set(stopped.pids) == set(status.pids)
    assert not stopped.forced
    assert all(is_gone(pid) for pid in status.pids)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))
    assert endpoints.list_endpoints(workspace) == []
    with pytest.raises(NotFoundError):
        endpoints.stop(workspace, "bands")
    assert read_window(workspace.database, "bands").n_images_R.tolist() == [3]
    assert states(workspace) == ["Transitioning", "Transitioning", "Healthy"]
    assert any("ready at" in line for line in endpoints.logs(workspace, "bands"))
    assert len(endpoints.logs(workspace, "bands", 2)) == 2


def test_the_deployer_may_leave_and_the_endpoint_stays(workspace, tiny):
    code = (
        "import sys; from pathlib import Path; from pigeonhole import endpoints\n"
        "from pigeonhole.core.workspace import Workspace\n"
        "status = endpoints.deploy(Workspace(Path(sys.argv[1])), endpoint='bands', bundle_folder=Path(sys.argv[2]),"
        " model='bands:1', port=0)\n"
        "print(status.url)"
    )
    # Its output is a pipe: were a detached process to hold it, this would never return.
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root), str(tiny)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    status = endpoints.show(workspace, "bands")
    assert done.stdout.strip() == status.url
    assert score(status).status_code == 200


def test_asking_again_for_what_answers_starts_nothing(workspace, tiny):
    first = deploy(workspace, tiny)
    again = deploy(workspace, tiny)
    assert again.unchanged
    assert again.deployed
    assert again.pids == first.pids
    assert len(again.deployments) == 1


def test_a_new_version_takes_over_without_a_lost_request(workspace, tiny, other):
    status = deploy(workspace, tiny)
    with under_load(status) as load:
        newer = deploy(workspace, other, "bands:2")
    assert (newer.state, newer.url) == ("Healthy", status.url)
    assert [each.model for each in newer.deployments] == ["bands:2"]
    assert load.lost == []
    assert load.models == {"bands:1", "bands:2"}
    assert load.answers[-1] == (200, "bands:2")
    old = next(pid for pid in status.pids if pid not in newer.pids)
    wait_for(lambda: is_gone(old), "the old server's end")


def test_a_new_version_that_fails_leaves_the_old_one_answering(workspace, tiny, broken):
    status = deploy(workspace, tiny)
    failed = deploy(workspace, broken, "bands:2")
    assert not failed.deployed
    assert failed.state == "Healthy"
    assert "bands:1 answers; the deployment of bands:2 is Failed: ResourceNotReady" in failed.reason
    assert [(each.model, each.state, each.share) for each in failed.deployments] == [
        ("bands:1", "Healthy", 100),
        ("bands:2", "Failed", 0),
    ]
    assert failed.pids == status.pids
    assert score(status).json()["model"] == "bands:1"
    assert [each.model for each in deploy(workspace, tiny, "bands:3").deployments] == ["bands:3"]


def test_a_broken_bundle_fails_with_the_end_of_its_log(workspace, broken):
    status = deploy(workspace, broken)
    assert (status.state, status.deployed, status.pids) == ("Failed", False, ())
    assert status.reason.startswith("ResourceNotReady: the server process ")
    assert "model.onnx" in status.reason
    assert "error: the bundle" in status.reason.partition("the end of its log:\n")[2]
    assert "export the bundle again" in status.remedy
    assert endpoints.show(workspace, "bands").state == "Failed"
    endpoints.stop(workspace, "bands")


def test_looking_back_at_a_stopped_endpoint_finds_what_answered(workspace, tiny, broken):
    with pytest.raises(NotFoundError):
        endpoints.last_deployment(workspace, "bands")
    deploy(workspace, tiny)
    deploy(workspace, broken, "bands:2")
    assert endpoints.last_deployment(workspace, "bands").model == "bands:1"
    endpoints.stop(workspace, "bands")
    last = endpoints.last_deployment(workspace, "bands")
    assert (last.model, last.bundle_folder, last.pid, last.share) == ("bands:1", str(tiny), None, 0)


def test_a_failed_endpoint_can_be_deployed_to_again(workspace, tiny, broken):
    deploy(workspace, broken)
    status = deploy(workspace, tiny)
    assert (status.state, len(status.deployments)) == ("Healthy", 1)


def test_a_port_that_is_taken_is_unschedulable_and_names_the_holder(workspace, tiny):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        status = deploy(workspace, tiny, port=holder.getsockname()[1])
        assert (status.state, status.deployed, status.pids) == ("Unschedulable", False, ())
        assert "Address already in use" in status.reason
        assert f"by process {os.getpid()}" in status.reason
        assert "--port" in status.remedy
    port = int(status.url.rpartition(":")[2])
    assert deploy(workspace, tiny, port=port).state == "Healthy"


def test_two_endpoints_cannot_share_a_port(workspace, tiny):
    first = deploy(workspace, tiny)
    second = deploy(workspace, tiny, endpoint="letters", port=int(first.url.rpartition(":")[2]))
    assert second.state == "Unschedulable"
    assert score(first).status_code == 200


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"cpu": cores() + 1}, "cores are asked for"), ({"memory_gib": memory_gib() + 1}, "GiB of memory are asked for")],
)
def test_more_than_the_machine_has_is_unschedulable(workspace, tiny, asked, said):
    status = deploy(workspace, tiny, **asked)
    assert (status.state, status.pids) == ("Unschedulable", ())
    assert said in status.reason
    assert "at most" in status.remedy


def test_a_server_that_needs_more_memory_than_asked_for_fails(workspace, tiny):
    status = deploy(workspace, tiny, memory_gib=0.01)
    assert status.state == "Failed"
    assert status.reason.startswith("PodOutOfMemory: ")
    assert "--memory" in status.reason


def test_a_killed_server_is_started_again(workspace, tiny):
    status = deploy(workspace, tiny)
    server = status.deployments[0].pid
    os.kill(server, signal.SIGKILL)
    # A connection made meanwhile waits for the next server instead of being refused.
    assert score(status).status_code == 200
    wait_for(lambda: states(workspace)[-2:] == ["Unhealthy", "Healthy"], "Unhealthy and then Healthy")
    again = endpoints.show(workspace, "bands")
    assert again.state == "Healthy"
    assert f"started again once, lastly because the server process {server} was ended by SIGKILL" in again.reason
    assert again.deployments[0].restarts == 1
    assert again.deployments[0].pid != server
    unhealthy = next(event for event in endpoints.events(workspace, "bands") if event["state"] == "Unhealthy")
    assert "SIGKILL" in unhealthy["reason"]


def test_a_server_that_hangs_is_unhealthy_and_replaced(workspace, tiny):
    status = deploy(workspace, tiny)
    server = status.deployments[0].pid
    os.kill(server, signal.SIGSTOP)
    try:
        shown = wait_for(lambda: (now := endpoints.show(workspace, "bands")).state == "Unhealthy" and now, "Unhealthy")
        assert "did not answer" in shown.reason
        assert shown.remedy
    finally:
        os.kill(server, signal.SIGCONT)
    wait_for(lambda: endpoints.show(workspace, "bands").state == "Healthy", "Healthy again")


def test_a_server_that_never_gets_well_again_fails(workspace, tiny, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    status = deploy(workspace, folder)
    shutil.rmtree(folder)
    os.kill(status.deployments[0].pid, signal.SIGKILL)
    failed = wait_for(lambda: (now := endpoints.show(workspace, "bands")).state == "Failed" and now, "Failed", 90)
    assert "ends in a row" in failed.reason
    assert "manifest.json" in failed.reason
    wait_for(lambda: endpoints.show(workspace, "bands").pids == (), "its end")


def test_a_killed_supervisor_is_reported_and_mended_by_deploying_again(workspace, tiny):
    status = deploy(workspace, tiny)
    supervisor, server = status.pids
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: is_gone(supervisor), "the supervisor's end")
    shown = endpoints.show(workspace, "bands")
    assert shown.state == "Unhealthy"
    assert f"its supervisor (process {supervisor}) is gone" in shown.reason
    assert "still answers" in shown.reason
    assert "pigeonhole deploy bands:1 --endpoint bands" in shown.remedy
    assert shown.pids == (server,)
    mended = deploy(workspace, tiny, port=int(status.url.rpartition(":")[2]))
    assert (mended.state, mended.url) == ("Healthy", status.url)
    assert is_gone(server)
    assert score(mended).status_code == 200


def test_everything_killed_is_reported_and_stop_tidies_up(workspace, tiny):
    status = deploy(workspace, tiny)
    for pid in status.pids:
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: is_gone(pid), "its end")
    shown = endpoints.show(workspace, "bands")
    assert (shown.state, shown.pids) == ("Unhealthy", ())
    assert "so is its server" in shown.reason
    assert endpoints.stop(workspace, "bands").pids == ()
    assert endpoints.list_endpoints(workspace) == []


def test_stop_ends_a_server_whose_supervisor_was_killed(workspace, tiny):
    supervisor, server = deploy(workspace, tiny).pids
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: is_gone(supervisor), "the supervisor's end")
    endpoints.stop(workspace, "bands")
    assert is_gone(server)


def test_a_supervisor_whose_workspace_is_gone_ends_its_servers(tmp_path, tiny):
    import shutil

    workspace = Workspace(tmp_path / "away")
    pids = deploy(workspace, tiny).pids
    shutil.rmtree(workspace.root)
    for pid in pids:
        wait_for(lambda pid=pid: is_gone(pid), "its end")


def test_off_loopback_a_key_is_made_once_and_kept(workspace, tiny, other):
    status = deploy(workspace, tiny, host="0.0.0.0")
    key = status.key
    assert key
    assert status.needs_key
    assert status.url.startswith("http://127.0.0.1:")
    assert (score(status).status_code, score(status, key).status_code) == (401, 200)
    assert key not in "".join(
        path.read_text("utf-8", "replace") for path in workspace.root.rglob("*") if path.is_file()
    )
    newer = deploy(workspace, other, "bands:2", host="0.0.0.0")
    assert newer.key is None
    assert score(newer, key).json()["model"] == "bands:2"
    chosen = deploy(workspace, other, "bands:2", host="0.0.0.0", keys=["another-key", "and-one-more"])
    assert chosen.key is None
    assert [score(chosen, each).status_code for each in (key, "another-key", "and-one-more")] == [401, 200, 200]


@pytest.mark.parametrize(
    "options",
    [{"endpoint": "1st"}, {"deployment": "a b"}, {"port": 70000}, {"cpu": 0}, {"memory_gib": -1}, {"keys": ["short"]}],
)
def test_unfit_options_are_refused_before_anything_is_made(workspace, tiny, options):
    with pytest.raises(UsageError):
        deploy(workspace, tiny, **options)
    assert endpoints.list_endpoints(workspace) == []


def test_no_bundle_is_refused_before_anything_is_made(workspace, tmp_path):
    with pytest.raises(NotFoundError, match=r"manifest\.json"):
        deploy(workspace, tmp_path / "nothing")
    assert endpoints.list_endpoints(workspace) == []


def test_unknown_endpoints_say_which_there_are(workspace, tiny):
    for ask in (endpoints.show, endpoints.stop, endpoints.logs):
        with pytest.raises(NotFoundError, match="deploy"):
            ask(workspace, "digits")
    deploy(workspace, tiny)
    with pytest.raises(NotFoundError, match="one of bands"):
        endpoints.show(workspace, "digits")


def test_two_deployers_at_once_end_with_one_endpoint(workspace, tiny, other):
    outcomes = []

    def ask(folder, model):
        try:
            outcomes.append(deploy(Workspace(workspace.root), folder, model).state)
        except NotFoundError as error:  # the other one came later and replaced it
            outcomes.append(str(error))

    threads = [threading.Thread(target=ask, args=arguments) for arguments in ((tiny, "bands:1"), (other, "bands:2"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "Healthy" in outcomes
    wait_for(lambda: len(endpoints.show(workspace, "bands").pids) == 2, "one supervisor and one server")
    assert endpoints.show(workspace, "bands").state == "Healthy"


def test_waiting_has_an_end_and_the_deployment_goes_on(workspace, tiny):
    status = deploy(workspace, tiny, wait_s=0)
    assert (status.state, status.deployed) == ("Transitioning", False)
    wait_for(lambda: endpoints.show(workspace, "bands").state == "Healthy", "Healthy")


def test_an_endpoint_with_its_records_on_postgresql(workspace, tiny, other, monkeypatch):
    with postgres.server() as url:
        monkeypatch.setenv("PIGEONHOLE_DATABASE_URL", url)
        workspace = Workspace(workspace.root)
        status = deploy(workspace, tiny)
        assert score(status).status_code == 200
        assert deploy(workspace, other, "bands:2").deployments[0].model == "bands:2"
        arguments = [" ".join(psutil.Process(pid).cmdline()) for pid in status.pids[:1]]
        assert url not in "".join(arguments)
        assert not endpoints.stop(workspace, "bands").forced
        assert read_window(workspace.database, "bands").n_images_R.tolist() == [3]
        workspace.database.close()


def test_a_supervisor_that_cannot_start_is_told_with_its_log(workspace, tiny, monkeypatch):
    monkeypatch.setattr(changing.sys, "executable", "/bin/false")
    with pytest.raises(Exception, match="did not start"):
        deploy(workspace, tiny)
