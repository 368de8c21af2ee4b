"""`/metrics`: counted right, read by Prometheus' own parser, and summed over the processes of an endpoint."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pigeonhole.serving import hash_key
from pigeonhole.serving.counting import Histogram, Metrics
from pigeonhole.serving.metrics import FAMILIES, Samples, exposition, joined
from tests.bundle.tiny_onnx import CLASS_NAMES, band_images
from tests.serving.server_process import logging, serving

IMAGES_NHWC, LABELS_N = band_images(4)
ROWS = IMAGES_NHWC.reshape(4, -1).tolist()


class Told(dict):
    """Samples by name and the values of their labels, as Prometheus' parser reads them."""

    def __init__(self, text):
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        super().__init__(
            ((sample.name, *sample.labels.values()), sample.value)
            for family in self.families.values()
            for sample in family.samples
        )

    def since(self, before):
        return {key: value - before.get(key, 0) for key, value in self.items() if value != before.get(key, 0)}


def told(server):
    return Told(server.client.get("/metrics").text)


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    with logging(tmp_path_factory.mktemp("serving"), tiny, key_hashes=[hash_key("a-good-key")]) as running:
        running.client.headers["authorization"] = "Bearer a-good-key"
        yield running


def test_every_answer_is_counted_by_deployment_route_and_status(server):
    before = told(server)
    assert server.score(ROWS).status_code == 200
    assert server.client.post("/score", content=b"{").status_code == 400
    assert server.client.post("/invocations", json={"instances": ROWS[:1]}).status_code == 200
    assert server.client.post("/v2/models/bands/versions/3/infer", json={}).status_code == 422
    assert server.client.post("/score", headers={"authorization": "Bearer no"}).status_code == 401
    assert server.client.post("/score", headers={"azureml-model-deployment": "red"}).status_code == 404
    assert server.client.get("/v2/models/bands").status_code == 200
    for path in ("/nowhere", "/nowhere/else"):
        assert server.client.get(path).status_code == 404
    grown = told(server).since(before)
    requests = {key[1:]: value for key, value in grown.items() if key[0] == "pigeonhole_requests_total"}
    assert requests == {
        ("blue", "/score", "200"): 1,
        ("blue", "/score", "400"): 1,
        ("blue", "/invocations", "200"): 1,
        ("blue", "/v2/models/{model}/infer", "422"): 1,
        ("", "/score", "401"): 1,
        ("", "/score", "404"): 1,
        ("", "/v2/models/{model}", "200"): 1,
        ("", "other", "404"): 2,
        ("", "/metrics", "200"): 1,
    }
    assert grown["pigeonhole_errors_total", "blue", "usage_error"] == 1
    assert grown["pigeonhole_errors_total", "", "unauthorized"] == 1


def test_what_a_request_goes_through_is_in_the_histograms(server):
    before = told(server)
    for rows in (ROWS, ROWS[:1]):
        server.score(rows)
    now = told(server)
    grown = now.since(before)
    for name in ("request_duration_seconds", "queue_wait_seconds", "model_duration_seconds"):
        assert grown[f"pigeonhole_{name}_count", "blue"] == 2
        assert grown[f"pigeonhole_{name}_bucket", "blue", "+Inf"] == 2
        assert grown[f"pigeonhole_{name}_sum", "blue"] > 0
    # What waits for the model and runs is a part of the whole.
    parts = [f"pigeonhole_{name}_sum" for name in ("queue_wait_seconds", "model_duration_seconds")]
    assert sum(grown[part, "blue"] for part in parts) < grown["pigeonhole_request_duration_seconds_sum", "blue"]
    assert grown["pigeonhole_batch_size_images_sum", "blue"] == 5
    assert grown["pigeonhole_batch_size_images_bucket", "blue", "1"] == 1
    assert grown["pigeonhole_batch_size_images_bucket", "blue", "4"] == 2
    said = Counter(CLASS_NAMES[label] for label in [*LABELS_N, LABELS_N[0]])
    assert {name: grown.get(("pigeonhole_predictions_total", "blue", name), 0) for name in said} == said


def test_the_process_and_its_plan_are_told(server):
    now = told(server)
    assert now["pigeonhole_workers",] == 1
    assert now["pigeonhole_connections",] == 1
    assert now["pigeonhole_requests_in_flight",] == 0
    assert now["pigeonhole_deployment_info", "blue", "bands:3"] == 1
    assert now["pigeonhole_traffic_percent", "blue"] == 100
    assert now["pigeonhole_prediction_log_dropped_total", "blue"] == 0
    assert now["process_resident_memory_bytes",] > 1 << 20
    assert now["process_start_time_seconds",] > 1.6e9
    assert now["process_cpu_seconds_total",] > 0


def test_names_follow_prometheus_conventions(server):
    now = told(server)
    for name, family in FAMILIES.items():
        assert name.endswith("_total") == (family.kind == "counter"), name
        assert not set(name.split("_")) & {"ms", "milliseconds", "kb", "mb", "percent_ratio"}, name
        if any(key[0].startswith(name) for key in now):
            read = now.families[name.removesuffix("_total") if family.kind == "counter" else name]
            assert (read.type, read.documentation) == (family.kind, f"{family.text}.")


def test_labels_may_hold_anything():
    name = 'a "b"\\n\n,c'
    samples: Samples = {"pigeonhole_predictions_total": {("blue", name): [3]}}
    assert Told(exposition(samples).decode()) == {("pigeonhole_predictions_total", "blue", name): 3}


def test_a_histogram_holds_a_value_below_the_edge_that_it_equals():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(value)
    assert histogram.values() == [2, 2, 1, 14.0]


def test_classes_are_counted_many_answers_at_a_time_and_let_go():
    metrics = Metrics(["a", "b", "c"])
    metrics.classified(np.array([[0, 1, 0], [0, 0, 1]], np.float32))
    metrics.classified(np.array([[0, 1, 0]], np.float32))
    assert metrics.classes_K().tolist() == [0, 2, 1]
    assert metrics.classes_K().tolist() == [0, 2, 1]
    metrics.classified(np.array([[1, 0, 0]], np.float32))
    assert metrics.classes_K().tolist() == [1, 2, 1]


def test_samples_join_by_their_labels():
    first: Samples = {
        "pigeonhole_requests_total": {("blue", "/score", "200"): [3]},
        "process_start_time_seconds": {(): [20.0]},
    }
    second: Samples = {
        "pigeonhole_requests_total": {("blue", "/score", "200"): [4], ("red", "/score", "200"): [1]},
        "process_start_time_seconds": {(): [10.0]},
    }
    assert joined([first, second]) == {
        "pigeonhole_requests_total": {("blue", "/score", "200"): [7], ("red", "/score", "200"): [1]},
        "process_start_time_seconds": {(): [10.0]},
    }


def answered(now):
    return now["pigeonhole_requests_total", "blue", "/score", "200"]


def test_any_process_tells_the_sum_and_it_outlives_a_kill(tiny, tmp_path):
    config = {"bundle_folder": str(tiny.folder), "shared_folder": str(tmp_path / "shared")}
    with serving(tmp_path / "first", **config) as first:
        first.score(ROWS)
        with serving(tmp_path / "second", **config) as second:
            for _ in range(2):
                second.score(ROWS)
            seen = told(second)
            assert (answered(seen), seen["pigeonhole_workers",]) == (3, 2)
            # What one process has told, the other tells at once.
            assert answered(told(first)) == 3
            memory = seen["process_resident_memory_bytes",]
            os.kill(second.process.pid, signal.SIGKILL)
            second.process.wait(30)
        now = told(first)
        assert (answered(now), now["pigeonhole_workers",]) == (3, 1)
        assert now["pigeonhole_batch_size_images_sum", "blue"] == 12
        assert now["process_resident_memory_bytes",] < memory
        assert now["process_cpu_seconds_total",] >= seen["process_cpu_seconds_total",]
        # The next one puts together what was left, and nothing is counted twice.
        with serving(tmp_path / "third", **config) as third:
            third.score(ROWS)
            assert answered(told(third)) == answered(told(first)) == 4
            assert len(list((tmp_path / "shared").glob("*/*.shared"))) == 2
    with serving(tmp_path / "fourth", **config) as fourth:
        assert answered(told(fourth)) == 4
        names = json.loads(next((tmp_path / "shared").glob("*/ended.json")).read_text())["names"]
        assert len(names) == 3
