"""Several deployments behind one endpoint: shared out, mirrored, changed under load, taken away, brought back."""

from __future__ import annotations

import os
import shutil
import signal
import threading

import pytest

from pigeonhole import endpoints
from pigeonhole.core.errors import ConflictError, NotFoundError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints.resources import cores, memory_gib
from tests.endpoints.asking import deploy, models_of, score, shares, states, under_load
from tests.endpoints.waiting import wait_for

HALF = {"cpu": 0.5, "memory_gib": 0.5}


def two(workspace, tiny, other, **options):
    deploy(workspace, tiny, **HALF)
    return deploy(workspace, other, "bands:2", deployment="green", **HALF, **options)


def test_a_second_deployment_waits_for_traffic_and_the_way_back_is_known(workspace, tiny, other):
    status = two(workspace, tiny, other)
    assert (status.state, status.deployed) == ("Healthy", True)
    assert shares(status) == {"blue": ("bands:1", 100, 0), "green": ("bands:2", 0, 0)}
    assert len(status.pids) == 2  # the supervisor, and one server for both
    assert models_of(status) == {"bands:1": 100}
    assert score(status, deployment="green").json()["model"] == "bands:2"

    split = endpoints.update(workspace, "bands", traffic="blue=90,green=10", mirror={"green": 50})
    assert shares(split) == {"blue": ("bands:1", 90, 0), "green": ("bands:2", 10, 50)}
    assert split.url == status.url
    assert "blue 90% (bands:1 answers), green 10% and a copy of 50% (bands:2 answers)" in split.reason
    assert models_of(split) == {"bands:1": 90, "bands:2": 10}
    # Deployments that stay are not said to have been away.
    assert states(workspace)[-1] == "Healthy"
    assert states(workspace).count("Healthy") == 2
    same = endpoints.update(workspace, "bands", traffic={"blue": 90, "green": 10})
    assert (same.unchanged, same.pids) == (True, split.pids)

    with pytest.raises(ConflictError, match=r"gets 10% of the traffic[\s\S]*--traffic blue=100"):
        endpoints.remove_deployment(workspace, "bands", "green")
    back, to = endpoints.rollback(workspace, "bands")
    assert (back.deployed, shares(back)) == (True, shares(status))
    assert to.startswith("change 2 (deploy, 20")
    assert to.endswith("): blue bands:1 100%, green bands:2 0%")

    alone = endpoints.remove_deployment(workspace, "bands", "green")
    assert shares(alone) == {"blue": ("bands:1", 100, 0)}
    assert score(alone, deployment="green").status_code == 404
    with pytest.raises(ConflictError, match="the only one"):
        endpoints.remove_deployment(workspace, "bands", "blue")
    again, _ = endpoints.rollback(workspace, "bands")
    assert shares(again) == shares(status)
    # An undone rollback goes further back, as undoing does; by number any change comes back.
    first, to = endpoints.rollback(workspace, "bands")
    assert (shares(first), to.startswith("change 1 ")) == ({"blue": ("bands:1", 100, 0)}, True)
    with pytest.raises(ConflictError, match="nothing to go back to"):
        endpoints.rollback(workspace, "bands")
    with pytest.raises(NotFoundError, match=r"change 99[\s\S]*one of 1, 2, 3"):
        endpoints.rollback(workspace, "bands", to=99)
    third, _ = endpoints.rollback(workspace, "bands", to=3)
    assert shares(third) == shares(split)

    kinds = [(change.kind, change.outcome, change.restores) for change in endpoints.history(workspace, "bands")]
    assert kinds == [
        ("deploy", "done", None),
        ("deploy", "done", None),
        ("update", "done", None),
        ("rollback", "done", 2),
        ("rm", "done", None),
        ("rollback", "done", 2),
        ("rollback", "done", 1),
        ("rollback", "done", 3),
    ]


def change_of(workspace, tiny, other, number):
    """One of the changes that an operator makes, in turn."""
    return [
        lambda: endpoints.update(workspace, "bands", traffic="blue=50,green=50", mirror="green=10"),
        lambda: deploy(workspace, other, f"bands:{number + 3}", deployment="green", **HALF),
        lambda: endpoints.rollback(workspace, "bands")[0],
        lambda: endpoints.update(workspace, "bands", traffic="blue=100", mirror="green=0"),
        lambda: endpoints.remove_deployment(workspace, "bands", "green"),
        lambda: endpoints.rollback(workspace, "bands")[0],
    ][number % 6]


def changed_under_load(workspace, tiny, other, times):
    status = two(workspace, tiny, other)
    with under_load(status) as load:
        for number in range(times):
            changed = change_of(workspace, tiny, other, number)()
            assert changed.deployed, changed
            assert load.lost == [], number
    assert load.lost == []
    return load


def test_changes_under_load_lose_no_request(workspace, tiny, other):
    load = changed_under_load(workspace, tiny, other, 6)
    assert {"bands:1", "bands:2", "bands:4"} <= load.models


@pytest.mark.full
def test_a_hundred_changes_under_load_lose_no_request(workspace, tiny, other):
    changed_under_load(workspace, tiny, other, 102)


def test_a_second_deployment_that_fails_harms_nobody(workspace, tiny, other, broken):
    deploy(workspace, tiny, **HALF)
    failed = deploy(workspace, broken, "bands:2", deployment="green", traffic="blue=50,green=50", **HALF)
    assert not failed.deployed
    assert failed.state == "Healthy"
    assert "the deployment of bands:2 is Failed: ResourceNotReady" in failed.reason
    assert "the end of its log" in failed.deployments[1].reason
    assert shares(failed) == {"blue": ("bands:1", 100, 0), "green": ("bands:2", 0, 0)}
    assert models_of(failed, 20) == {"bands:1": 20}
    change = endpoints.history(workspace, "bands")[-1]
    assert (change.outcome, "model.onnx" in change.reason) == ("refused", True)
    # What was refused is nothing to go on from, nor to go back to.
    with pytest.raises(UsageError, match="no deployment 'green'"):
        endpoints.update(workspace, "bands", traffic="blue=90,green=10")
    with pytest.raises(ConflictError, match="nothing to go back to"):
        endpoints.rollback(workspace, "bands")
    assert shares(deploy(workspace, other, "bands:2", deployment="green", **HALF))["green"] == ("bands:2", 0, 0)


def test_a_deployment_that_is_gone_at_a_restart_does_not_take_the_others_with_it(workspace, tiny, other, tmp_path):
    copy = shutil.copytree(other, tmp_path / "copy")
    status = two(workspace, tiny, copy, traffic="blue=90,green=10")
    shutil.rmtree(copy)
    os.kill(status.pids[1], signal.SIGKILL)
    assert score(status).status_code == 200
    now = wait_for(
        lambda: (
            (shown := endpoints.show(workspace, "bands")).deployments[1].state == "Failed"
            and shown.state == "Healthy"
            and shown
        ),
        "blue to answer alone",
    )
    assert shares(now) == {"blue": ("bands:1", 100, 0), "green": ("bands:2", 0, 0)}
    assert "the deployment of bands:2 is Failed: ResourceNotReady" in now.reason
    assert "manifest.json" in now.deployments[1].reason
    assert models_of(now, 20) == {"bands:1": 20}
    # It is known, so that it stands in the way of nothing: its share can be given away, and so can it.
    assert endpoints.update(workspace, "bands", traffic="blue=100").deployed
    assert shares(endpoints.remove_deployment(workspace, "bands", "green")) == {"blue": ("bands:1", 100, 0)}
    with pytest.raises(ConflictError, match=r"green \(bands:2\): .*manifest.json"):
        endpoints.rollback(workspace, "bands")


def test_what_the_deployments_ask_for_is_added_up(workspace, tiny, other):
    deploy(workspace, tiny, **HALF)
    status = deploy(workspace, other, "bands:2", deployment="green", cpu=cores(), memory_gib=memory_gib())
    assert (status.state, status.deployed) == ("Healthy", False)
    green = status.deployments[1]
    assert green.state == "Unschedulable"
    assert f"{cores() + 0.5:g} cores are asked for (blue 0.5, green {cores():g})" in green.reason
    assert "GiB of memory are asked for (blue 0.5, green " in green.reason
    assert f"with at most --cpu {cores() - 0.5:g} --memory " in green.remedy


def test_killed_with_everything_both_come_back_with_the_next_change(workspace, tiny, other):
    status = two(workspace, tiny, other, traffic="blue=90,green=10")
    for pid in status.pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: endpoints.show(workspace, "bands").pids == (), "their end")
    shown = endpoints.show(workspace, "bands")
    assert {each.state for each in shown.deployments} == {"Unhealthy"}
    assert shares(shown) == shares(status)
    back = endpoints.update(workspace, "bands", traffic="blue=80,green=20")
    assert (back.state, back.url) == ("Healthy", status.url)
    assert models_of(back) == {"bands:1": 80, "bands:2": 20}


def test_a_change_that_ends_the_server_again_and_again_is_taken_back(workspace, tiny, other):
    deploy(workspace, tiny, **HALF)
    status = deploy(workspace, other, "bands:2", deployment="green", traffic="blue=50,green=50", **HALF)
    for _ in range(5):
        (server,) = status.pids[1:]
        os.kill(server, signal.SIGKILL)
        # A connection made meanwhile waits for the next server, whichever that is.
        assert score(status).status_code == 200
        status = wait_for(
            lambda server=server: (
                len((now := endpoints.show(workspace, "bands")).pids) == 2 and server not in now.pids and now
            ),
            "the next server",
        )
    back = wait_for(lambda: (now := endpoints.show(workspace, "bands")).state == "Healthy" and now, "Healthy")
    assert shares(back) == {"blue": ("bands:1", 100, 0)}
    assert (
        "change 2 was taken back: ResourceNotReady: 5 ends in a row, lastly because the server process" in back.reason
    )
    assert models_of(back, 20) == {"bands:1": 20}
    last = endpoints.history(workspace, "bands")[-1]
    assert (last.kind, last.outcome, last.restores) == ("rollback", "done", 1)


def test_two_changes_at_once_are_made_one_after_the_other(workspace, tiny, other):
    deploy(workspace, tiny, **HALF)
    outcomes = []

    def ask(change):
        outcomes.append(change(Workspace(workspace.root)).deployed)

    changes = [
        lambda space: endpoints.update(space, "bands", traffic="blue=0"),
        lambda space: deploy(space, other, "bands:2", deployment="green", **HALF),
    ]
    threads = [threading.Thread(target=ask, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True, True]
    status = endpoints.show(workspace, "bands")
    assert shares(status) == {"blue": ("bands:1", 0, 0), "green": ("bands:2", 0, 0)}
    # Nobody has traffic, so nobody answers but by name.
    assert (score(status).status_code, score(status, deployment="blue").status_code) == (404, 200)


def test_a_broken_deployment_after_a_power_cut_leaves_the_others_answering(workspace, tiny, broken):
    status = deploy(workspace, tiny, **HALF)
    for pid in status.pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: endpoints.show(workspace, "bands").pids == (), "their end")
    failed = deploy(workspace, broken, "bands:2", deployment="green", **HALF)
    assert not failed.deployed
    back = wait_for(lambda: (now := endpoints.show(workspace, "bands")).state == "Healthy" and now, "blue again")
    assert shares(back)["blue"] == ("bands:1", 100, 0)
    assert "the deployment of bands:2 is Failed" in back.reason
    assert [change.outcome for change in endpoints.history(workspace, "bands")] == ["done", "refused"]


def test_unfit_changes_are_refused_before_anything_is_changed(workspace, tiny, other):
    with pytest.raises(NotFoundError, match="deploy"):
        endpoints.update(workspace, "bands", traffic="blue=100")
    status = deploy(workspace, tiny, **HALF)
    with pytest.raises(UsageError, match="nothing to change"):
        endpoints.update(workspace, "bands")
    with pytest.raises(UsageError, match="not 0 or 100"):
        deploy(workspace, other, "bands:2", deployment="green", traffic="blue=50", **HALF)
    with pytest.raises(NotFoundError, match="'gren'"):
        endpoints.remove_deployment(workspace, "bands", "gren")
    with pytest.raises(UsageError) as error:
        deploy(workspace, other, endpoint="2nd", deployment="a_b", port=-1, cpu=-1)
    assert [word for word in ("'2nd'", "'a_b'", "port -1", "-1 cores") if word not in error.value.received] == []
    assert endpoints.show(workspace, "bands") == status
    assert len(endpoints.history(workspace, "bands")) == 1


def test_an_endpoint_that_was_stopped_has_nothing_to_go_back_to(workspace, tiny, other):
    deploy(workspace, tiny, **HALF)
    endpoints.stop(workspace, "bands")
    with pytest.raises(NotFoundError):
        endpoints.history(workspace, "bands")
    assert shares(deploy(workspace, tiny, deployment="red", **HALF)) == {"red": ("bands:1", 100, 0)}
    assert [change.generation for change in endpoints.history(workspace, "bands")] == [2]
    with pytest.raises(ConflictError, match="nothing to go back to"):
        endpoints.rollback(workspace, "bands")
