from __future__ import annotations

import json

import numpy as np
import pytest

from pigeonhole import monitoring
from pigeonhole.core.database import Database
from pigeonhole.predictions import Entry, PredictionLog, add_feedback, read_window

NAMES = ("a", "b", "c")
SHAPE = (4, 4, 1)


@pytest.fixture
def database(tmp_path):
    return Database(f"sqlite:///{tmp_path / 'workspace.db'}")


@pytest.fixture
def log(database):
    log = PredictionLog(
        database.url,
        "digits",
        deployment="blue",
        model="digits:1",
        bundle_sha256="0" * 64,
        class_names=NAMES,
        shape_HWC=SHAPE,
    )
    yield log
    log.close()


def add(log, number, labels, at, latency_ms=1.0, top=0.8):
    probs_NK = np.full((len(labels), 3), (1 - top) / 2, np.float32)
    probs_NK[np.arange(len(labels)), labels] = top
    pixels = bytes(16 * len(labels))
    log.add(Entry(f"{log.source}-{number}", at, latency_ms, 200, None, len(labels), pixels, probs_NK))


def test_load_latency_errors_and_class_mix(database, log):
    for number in range(100):
        add(log, number, [0, 0, 0, 1], at=1000.0 + number / 10, latency_ms=number + 1.0)
    for number, (status, code) in enumerate([(422, "data_error")] * 3 + [(500, "internal_error")]):
        log.add(Entry(f"{log.source}-e{number}", 1005.0, 0.01, status, code))
    log.flush()
    signals = monitoring.signals(read_window(database, "digits"), NAMES)
    assert (signals.requests, signals.images, signals.errors, signals.server_errors) == (104, 400, 4, 1)
    assert signals.error_rate == pytest.approx(4 / 104)
    assert signals.error_codes == {"data_error": 3, "internal_error": 1}
    assert signals.requests_per_s == pytest.approx(104 / 9.9)
    assert (signals.p50_ms, signals.p95_ms, signals.p99_ms) == pytest.approx((50.5, 95.05, 99.01))
    assert signals.class_mix == {"a": 0.75, "b": 0.25, "c": 0.0}
    assert signals.mean_confidence == pytest.approx(0.8)
    assert signals.live_accuracy is None
    assert signals.models == ("digits:1",)


def test_a_window_that_was_asked_for_is_the_span_of_the_rate(database, log):
    for number in range(50):
        add(log, number, [0], at=1000.0 + number)
    log.flush()
    signals = monitoring.signals(read_window(database, "digits", 990.0, 1090.0), NAMES)
    assert signals.requests_per_s == pytest.approx(0.5)


def test_one_moment_is_no_rate_of_thousands(database, log):
    for number in range(5):
        add(log, number, [0], at=1000.0)
    log.flush()
    assert monitoring.signals(read_window(database, "digits"), NAMES).requests_per_s == 5.0


def test_nothing_yet(database):
    signals = monitoring.signals(read_window(database, "digits"), NAMES)
    assert (signals.requests, signals.requests_per_s, signals.error_rate) == (0, 0.0, 0.0)
    assert (signals.p50_ms, signals.mean_confidence, signals.live_accuracy) == (None, None, None)
    assert signals.class_mix == {"a": 0.0, "b": 0.0, "c": 0.0}
    json.dumps(signals.to_dict(), allow_nan=False)


def test_live_accuracy_counts_the_images_with_feedback_alone(database, log):
    add(log, 1, [0, 1, 2, 0], at=1000.0)
    log.flush()
    for position, label in [(0, "a"), (1, "b"), (2, "a")]:
        add_feedback(database, "digits", f"{log.source}-1", label, position)
    live = monitoring.signals(read_window(database, "digits"), NAMES).live_accuracy
    assert (live.value, live.n) == (pytest.approx(2 / 3), 3)
    # Wilson's interval for 2 of 3, worked out by hand.
    assert (live.low, live.high) == pytest.approx((0.2077, 0.9385), abs=1e-4)


def test_the_reference_stands_beside_it(database, log):
    add(log, 1, [0], at=1.0)
    log.flush()
    reference = {"class_counts_K": np.array([5, 4, 1]), "confidence_Q": np.linspace(0.5, 1.0, 101)}
    signals = monitoring.signals(read_window(database, "digits"), NAMES, reference)
    assert signals.reference_class_mix == pytest.approx({"a": 0.5, "b": 0.4, "c": 0.1})
    assert signals.reference_confidence == pytest.approx(0.75)
    assert monitoring.signals(read_window(database, "digits"), NAMES, {}).reference_class_mix is None


def test_readings_are_kept_in_order(database, log):
    add(log, 1, [0], at=1.0)
    log.flush()
    signals = monitoring.signals(read_window(database, "digits"), NAMES)
    monitoring.keep(database, "digits", signals)
    monitoring.keep(database, "digits", signals)
    monitoring.keep(database, "letters", signals)
    readings = monitoring.kept(database, "digits")
    assert len(readings) == 2
    assert {**readings[0], "at": 0} == {"at": 0, **json.loads(json.dumps(signals.to_dict()))}
