from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.database import Database
from pigeonhole.core.errors import UsageError
from pigeonhole.predictions import read_window
from pigeonhole.serving.config import ServedDeployment, ServingConfig
from pigeonhole.serving.deployed import Deployed
from pigeonhole.serving.http import RequestError
from pigeonhole.serving.mirroring import Mirror
from pigeonhole.serving.protocols.decoded import Decoded
from pigeonhole.serving.routing import Deck, Router
from tests.bundle.tiny_onnx import band_images, write_sharper
from tests.serving.server_process import serving

ROWS = band_images(3, seed=5)[0].reshape(3, -1).tolist()


def told(name, folder, traffic, **more):
    return {"name": name, "model": f"bands:{name}", "bundle_folder": str(folder), "traffic": traffic, **more}


@pytest.fixture(scope="module")
def green(tmp_path_factory):
    return write_sharper(tmp_path_factory.mktemp("bundles") / "green", 5.0)


@pytest.fixture(scope="module")
def server(tiny, green, colour, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    url = f"sqlite:///{folder / 'workspace.db'}"
    deployments = [
        told("blue", tiny.folder, 80),
        told("green", green.folder, 20, mirror=50),
        told("red", colour.folder, 0, mirror=100),
    ]
    with serving(folder, deployments=deployments, endpoint="bands", database_url=url) as running:
        running.database = Database(url)
        yield running


def deployed(bundle, name="blue", traffic=100, mirror=0):
    return Deployed(
        ServedDeployment(name, "bands:1", bundle.folder, traffic, mirror),
        bundle,
        None,
        0.0,
        ServingConfig.of_bundle(bundle.folder),
    )


def test_every_hundred_draws_hold_each_share_exactly_and_in_another_order():
    deck = Deck([("blue", 90), ("green", 3)], "rest", seed=1)
    hundreds = [[deck.draw() for _ in range(100)] for _ in range(20)]
    for hundred in hundreds:
        assert Counter(hundred) == {"blue": 90, "green": 3, "rest": 7}
    assert len({tuple(hundred) for hundred in hundreds}) == 20


def test_the_router_gives_each_its_share_and_mirrors_what_others_answer(tiny):
    blue, green, red = (
        deployed(tiny, "blue", 90),
        deployed(tiny, "green", 10),
        deployed(tiny, "red", 0, mirror=30),
    )
    router = Router([blue, green, red], seed=7)
    answered, copied = Counter(), Counter()
    for _ in range(10_000):
        chosen = router.choose({})
        answered[chosen.name] += 1
        copied.update(copy.name for copy in router.copies(chosen))
    assert answered == {"blue": 9_000, "green": 1_000}
    assert copied == {"red": 3_000}
    assert router.choose({b"azureml-model-deployment": b"red"}) is red
    assert router.copies(red) == []


def test_without_traffic_only_the_header_reaches_a_deployment(tiny):
    router = Router([deployed(tiny, traffic=0)])
    for _ in range(3):
        with pytest.raises(RequestError, match="none of whose deployments has traffic") as caught:
            router.choose({})
        assert (caught.value.status, caught.value.code) == (404, "no_traffic")
    assert router.choose({b"azureml-model-deployment": b"blue"}).name == "blue"
    with pytest.raises(RequestError, match="'yellow'"):
        router.choose({b"azureml-model-deployment": b"yellow"})


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([], "there is none"),
        ([("blue", 60)], "sums to 60"),
        ([("blue", 60), ("green", 60)], "sums to 120"),
        ([("blue", -10), ("green", 110)], "traffic -10, not from 0 to 100"),
        ([("blue", 50), ("blue", 50)], "blue: 2 deployments"),
        ([("blue", 100, 101)], "mirror 101"),
        ([("blue", 100, 0, 0)], "0 threads"),
    ],
)
def test_deployments_that_do_not_fit_together_are_refused(shares, said):
    deployments = tuple(ServedDeployment(name, "m", Path("b"), *rest) for name, *rest in shares)
    with pytest.raises(UsageError, match=said):
        ServingConfig(deployments)


def test_a_split_is_answered_by_each_in_its_share(server):
    answers = [server.score(ROWS).json() for _ in range(100)]
    counted = Counter(answer["deployment"] for answer in answers)
    assert counted == {"blue": 80, "green": 20}
    sure = {answer["deployment"]: answer["predictions"][0]["probability"] for answer in answers}
    assert sure["blue"] > sure["green"]
    assert {answer["deployment"]: answer["model"] for answer in answers} == {
        "blue": "bands:blue",
        "green": "bands:green",
    }


def test_the_header_picks_one_and_an_unknown_one_is_not_found(server):
    for name in ("blue", "green"):
        headers = {"azureml-model-deployment": name}
        response = server.client.post("/score", json={"data": ROWS}, headers=headers)
        assert response.json()["deployment"] == name
    response = server.client.post("/score", json={"data": ROWS}, headers={"azureml-model-deployment": "yellow"})
    assert (response.status_code, response.json()["error_code"]) == (404, "no_such_deployment")
    assert "blue or green or red" in response.json()["message"]


def test_each_deployment_takes_images_of_its_own_shape(server, colour):
    images_NHWC, _ = band_images(2, colour.shape_HWC)
    headers = {"azureml-model-deployment": "red"}
    body = server.client.post("/score", json={"data": images_NHWC.tolist()}, headers=headers).json()
    assert [prediction["label"] for prediction in body["predictions"]] == ["top", "middle"]
    schema = server.client.get("/swagger.json", headers=headers).json()["definitions"]["ServiceInput"]
    assert schema["properties"]["data"]["items"]["minItems"] == 144


def counters(server):
    lines = server.client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_copies_are_logged_under_their_own_deployment_and_never_returned(server):
    name = 'pigeonhole_mirrored_total{deployment="green",status="200"}'
    before = counters(server).get(name, 0)
    headers = {"azureml-model-deployment": "blue"}
    ids = []
    for _ in range(200):
        response = server.client.post("/score", json={"data": ROWS}, headers=headers)
        assert response.json()["deployment"] == "blue"
        ids.append(response.json()["request_id"])
    # Half of 200, and the deck may be in the middle of a hundred. They run behind the answers.
    assert any(counters(server).get(name, 0) >= before + 90 for _ in range(5000))
    # Any feedback on a running server makes it write what waits.
    server.client.post("/feedback", json={"request_id": ids[0].rpartition("-")[0] + "-none", "label": "top"})
    window = read_window(server.database, "bands")
    logged = Counter(np.array(window.models)[window.model_R].tolist())
    assert logged["bands:blue"] >= 200
    assert logged["bands:green"] >= 90
    assert logged["bands:red"] >= 190  # it has another shape: every copy is refused, and that is logged
    red = window.model_R == window.models.index("bands:red")
    assert set(window.status_R[red & (window.n_images_R == 0)].tolist()) == {422}


def test_too_many_copies_are_dropped_and_counted_and_a_failing_one_harms_nobody(tiny, monkeypatch):
    target = deployed(tiny, traffic=0, mirror=100)
    hold = threading.Event()
    decoded = Decoded(bytes(36), 1)

    def slow(images_NHWC):
        hold.wait(10)
        raise RuntimeError("the model on trial broke")

    monkeypatch.setattr("pigeonhole.serving.mirroring.MAX_COPIES", 3)
    monkeypatch.setattr(target, "run", slow)

    async def decode():
        return decoded

    async def scenario():
        mirror = Mirror(target)
        for number in range(5):
            mirror.take(f"x-{number}", 36, decode)
        assert target.metrics.mirror_dropped == 2
        hold.set()
        await asyncio.gather(*mirror._tasks)
        assert target.metrics.mirrored == {500: 3}
        mirror.take("x-9", 36, decode)
        assert target.metrics.mirror_dropped == 2
        await asyncio.gather(*mirror._tasks)
        mirror.take("x-10", 65 << 20, decode)
        assert target.metrics.mirror_dropped == 3

    asyncio.run(scenario())
