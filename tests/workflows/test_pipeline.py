"""A recipe: done once, reused after, gone on with after a kill."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import pigeonhole as ph
from pigeonhole.core.errors import GateError, SpecError
from pigeonhole.core.workspace import Workspace

from ..cli.conftest import free_port
from .conftest import NETWORK, QUICK


def recipe(port: int, **changes: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, dict[str, Any]] = {
        "ingest": {"source": "mnist-5k", "name": "digits"},
        "train": {"model": NETWORK, "set": QUICK},
        "evaluate": {},
        "register": {"as": "digits", "min_accuracy": 0.5},
        "deploy": {"endpoint": "digits", "port": port, "cpu": 0.5, "memory": 0.5},
        "monitor": {},
    }
    return {
        "type": "pipeline",
        "stages": [{verb: {**value, **changes.get(verb, {})}} for verb, value in options.items()],
    }


@pytest.fixture
def stopping(space: Workspace) -> Iterator[Workspace]:
    yield space
    for status in ph.list_endpoints(workspace=space):
        ph.stop(status.name, workspace=space)


def answer(url: str) -> int:
    """Asks once and feeds a label back, which makes sure that the request is on record."""
    reply = json.loads(post(url, "/score", {"data": [[0] * 784]}).read())
    return post(url, "/feedback", {"request_id": reply["request_id"], "label": "0"}).status


def post(url: str, path: str, body: dict[str, Any]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return connection.getresponse()


def reused(outcome: Any) -> dict[str, bool]:
    return {stage.stage: stage.reused for stage in outcome.stages}


def test_a_recipe_runs_once_and_is_then_reused(stopping: Workspace) -> None:
    port = free_port()
    first = ph.pipeline(recipe(port), workspace=stopping)
    assert not any(reused(first).values())
    url = first.facts("deploy")["url"]
    assert answer(url) == 200

    second = ph.pipeline(recipe(port), workspace=stopping)
    assert reused(second) == {
        "ingest": True,
        "train": True,
        "evaluate": True,
        "register": True,
        "deploy": True,
        "monitor": False,
    }
    assert second.facts("monitor")["requests"] >= 1
    assert len(ph.list_runs(workspace=stopping)) == 1

    ph.stop("digits", workspace=stopping)
    third = ph.pipeline(recipe(port), workspace=stopping)
    assert not reused(third)["deploy"]
    assert reused(third)["train"]
    assert answer(url) == 200

    other = ph.pipeline(recipe(port, train={"model": "logistic-regression", "set": {}}), workspace=stopping)
    assert reused(other)["ingest"]
    assert not reused(other)["train"]
    assert not reused(other)["evaluate"]
    assert other.facts("deploy")["deployments"][0]["model"] == "digits:2"


def test_a_gate_stops_the_recipe_and_keeps_what_is_done(space: Workspace) -> None:
    strict = recipe(free_port(), register={"min_accuracy": 1.0}, train={"model": "logistic-regression", "set": {}})
    with pytest.raises(GateError):
        ph.pipeline(strict, workspace=space)
    assert len(ph.list_runs(workspace=space)) == 1
    with pytest.raises(GateError):
        ph.pipeline(strict, workspace=space)
    assert len(ph.list_runs(workspace=space)) == 1


def test_a_changed_source_is_read_again(space: Workspace, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    rows = [f"{n % 2},{n},{n % 7},{n % 3},{n % 5}" for n in range(60)]
    table.write_text("\n".join(["label,pixel0,pixel1,pixel2,pixel3", *rows]) + "\n", encoding="utf-8")
    steps = {"type": "pipeline", "stages": [{"ingest": {"source": str(table), "name": "table"}}]}
    assert ph.pipeline(steps, workspace=space).facts("ingest")["dataset"] == "table:1"
    assert reused(ph.pipeline(steps, workspace=space)) == {"ingest": True}
    table.write_text("\n".join(["label,pixel0,pixel1,pixel2,pixel3", *rows[:-10]]) + "\n", encoding="utf-8")
    assert ph.pipeline(steps, workspace=space).facts("ingest")["dataset"] == "table:2"


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([], "stages"),
        ([{"trian": {}}], "did you mean 'train'"),
        ([{"train": {}, "evaluate": {}}], "one each"),
        ([{"train": {}}], "no stage before it makes a dataset"),
        ([{"ingest": {"source": "mnist-5k", "name": "x", "test": 2}}], "test"),
    ],
)
def test_a_wrong_recipe_is_refused_before_anything_runs(stages: list[Any], said: str, space: Workspace) -> None:
    with pytest.raises(SpecError, match=said):
        ph.pipeline({"type": "pipeline", "stages": stages}, workspace=space)
    assert not (space.root / "datasets").exists()
