"""What an operator sees of an endpoint of several processes: one sum, which only grows, and one access log."""

from __future__ import annotations

import json
import os
import signal

import httpx
from prometheus_client.parser import text_string_to_metric_families

from pigeonhole import endpoints
from tests.endpoints.asking import deploy, score
from tests.endpoints.waiting import wait_for

SMALL = {"cpu": 0.25, "memory_gib": 0.25}


def scraped(status):
    """By a connection of its own: any of the processes may answer."""
    families = text_string_to_metric_families(httpx.get(f"{status.url}/metrics", timeout=30).text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def scored(told):
    return told.get(("pigeonhole_requests_total", "blue", "/score", "200"), 0)


def test_the_sum_grows_whatever_becomes_of_the_processes(workspace, tiny):
    deploy(workspace, tiny, access_log=True, **SMALL)
    status = endpoints.update(workspace, "bands", workers=2)
    answers = [score(status) for _ in range(20)]
    seen = [0.0]

    def grown(to):
        """Scrapes until all is told, and checks that it never is less than before."""
        told = scraped(status)
        assert scored(told) >= seen[-1]
        seen.append(scored(told))
        return scored(told) == to and told

    told = wait_for(lambda: grown(20), "the sum of both processes")
    assert told["pigeonhole_workers",] == 2
    assert sum(told["pigeonhole_predictions_total", "blue", name] for name in ("top", "middle", "bottom")) == 60
    os.kill(status.pids[2], signal.SIGKILL)
    answers += [score(status) for _ in range(10)]
    wait_for(lambda: grown(30), "what the one that was killed had counted")
    wait_for(lambda: (now := grown(30)) and now["pigeonhole_workers",] == 2, "the one in its place")
    # Another plan, so other processes: what those before have counted stays.
    assert endpoints.update(workspace, "bands", workers=1).deployed
    answers += [score(status) for _ in range(5)]
    wait_for(lambda: (now := grown(35)) and now["pigeonhole_workers",] == 1, "one process")
    endpoints.stop(workspace, "bands")
    lines = (workspace.root / "endpoints" / "bands" / "access.jsonl").read_text().splitlines()
    logged = [line["request_id"] for line in map(json.loads, lines) if line["path"] == "/score"]
    assert set(logged) >= {answer.headers["x-request-id"] for answer in answers[20:]}
    assert len(set(logged)) == len(logged)


def test_an_endpoint_that_is_made_anew_counts_anew_and_logs_nothing_unasked(workspace, tiny):
    status = deploy(workspace, tiny, access_log=True)
    score(status)
    assert deploy(workspace, tiny).unchanged
    quiet = deploy(workspace, tiny, access_log=False)
    assert (quiet.deployed, quiet.unchanged) == (True, False)
    request_id = score(quiet).headers["x-request-id"]
    wait_for(lambda: scored(scraped(quiet)) == 2, "both answers")
    endpoints.stop(workspace, "bands")
    assert request_id not in (workspace.root / "endpoints" / "bands" / "access.jsonl").read_text()
    assert scored(scraped(deploy(workspace, tiny))) == 0
