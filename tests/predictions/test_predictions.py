from __future__ import annotations

import sqlite3
import threading
import time

import numpy as np
import pytest

from pigeonhole.core.database import Database
from pigeonhole.core.errors import DataError, NotFoundError
from pigeonhole.images import statistics
from pigeonhole.predictions import Entry, PredictionLog, add_feedback, read_window
from pigeonhole.predictions import log as log_module
from tests.core import postgres

SHAPE = (4, 4, 1)


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *SHAPE)).astype(np.uint8)


def probs(labels, n_classes=3, top=0.8):
    probs_NK = np.full((len(labels), n_classes), (1 - top) / (n_classes - 1), np.float32)
    probs_NK[np.arange(len(labels)), labels] = top
    return probs_NK


def open_log(url, endpoint="digits", class_names=("a", "b", "c"), model="digits:1", **changes):
    return PredictionLog(
        url,
        endpoint,
        deployment="blue",
        model=model,
        bundle_sha256="0" * 64,
        class_names=class_names,
        shape_HWC=SHAPE,
        **changes,
    )


def entry(log, number, labels, at=1000.0, seed=0):
    images_NHWC = images(len(labels), seed)
    return Entry(
        f"{log.source}-{number}", at, 1.5 + number, 200, None, len(labels), images_NHWC.tobytes(), probs(labels)
    )


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'workspace.db'}"


@pytest.fixture
def log(url):
    log = open_log(url)
    yield log
    log.close()


def test_what_is_written_is_read_back_by_column(url, log):
    log.add(entry(log, 1, [0, 2], at=1000.0, seed=1))
    log.add(Entry(f"{log.source}-2", 1001.0, 0.3, 422, "data_error"))
    log.add(entry(log, 3, [1], at=1002.0, seed=2))
    assert log.flush()
    window = read_window(Database(url), "digits")
    assert window.received_at_s_R.tolist() == [1000.0, 1001.0, 1002.0]
    assert window.latency_ms_R.tolist() == [2.5, 0.3, 4.5]
    assert window.status_R.tolist() == [200, 422, 200]
    assert window.error_code_R == (None, "data_error", None)
    assert window.n_images_R.tolist() == [2, 0, 1]
    assert window.request_N.tolist() == [0, 0, 2]
    assert window.label_N.tolist() == [0, 2, 1]
    np.testing.assert_allclose(window.probability_N, 0.8)
    assert window.feedback_N.tolist() == [-1, -1, -1]
    assert window.class_names == ("a", "b", "c")
    assert window.models == ("digits:1",)
    figures = statistics(np.concatenate([images(2, 1), images(1, 2)]))
    np.testing.assert_allclose(window.statistics["mean"], figures["mean"], rtol=2e-3)
    np.testing.assert_allclose(window.statistics["block_means_7"], figures["block_means"][:, 7], rtol=2e-3)


def test_a_window_has_a_beginning_and_an_end_and_one_endpoint(url, log):
    other = open_log(url, "letters")
    for number, at in enumerate([10.0, 20.0, 30.0]):
        log.add(entry(log, number, [number], at=at))
        other.add(entry(other, number, [0], at=at))
    log.flush()
    other.close()
    database = Database(url)
    assert read_window(database, "digits", 20.0).label_N.tolist() == [1, 2]
    assert read_window(database, "digits", 10.0, 30.0).label_N.tolist() == [0, 1]
    assert read_window(database, "digits", 40.0).label_N.tolist() == []
    assert read_window(database, "nobody").class_names == ()


def test_models_with_other_classes_share_a_window(url, log):
    log.add(entry(log, 1, [0, 1, 2], at=1.0))
    log.flush()
    newer = open_log(url, class_names=("c", "d", "a"), model="digits:2")
    newer.add(entry(newer, 1, [0, 1, 2], at=2.0))
    newer.close()
    database = Database(url)
    # Both sources may have started in the same millisecond, so the numbering is free, the names are not.
    window = read_window(database, "digits")
    assert set(window.class_names) == {"a", "b", "c", "d"}
    assert [window.class_names[k] for k in window.label_N] == ["a", "b", "c", "c", "d", "a"]
    assert [window.models[m] for m in window.model_R] == ["digits:1", "digits:2"]


def test_feedback_names_the_image_and_the_last_word_counts(url, log):
    log.add(entry(log, 1, [0, 2]))
    log.flush()
    database = Database(url)
    add_feedback(database, "digits", f"{log.source}-1", "b", position=1)
    add_feedback(database, "digits", f"{log.source}-1", "a")
    add_feedback(database, "digits", f"{log.source}-1", "c", position=1)
    assert read_window(database, "digits").feedback_N.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("endpoint", "request_id", "label", "position", "error", "said"),
    [
        ("digits", "nonsense", "a", 0, NotFoundError, "nonsense"),
        ("letters", None, "a", 0, NotFoundError, "letters"),
        ("digits", None, "z", 0, DataError, "one of a, b, c"),
        ("digits", None, "a", 2, DataError, "0 to 1"),
        ("digits", None, "a", -1, DataError, "0 to 1"),
    ],
)
def test_feedback_that_fits_nothing_is_refused(url, log, endpoint, request_id, label, position, error, said):
    log.add(entry(log, 1, [0, 2]))
    log.flush()
    with pytest.raises(error, match=said):
        add_feedback(Database(url), endpoint, request_id or f"{log.source}-1", label, position)
    assert read_window(Database(url), "digits").feedback_N.tolist() == [-1, -1]


def test_adding_never_waits_and_what_does_not_fit_is_counted(url):
    log = open_log(url, capacity=20)
    blocker = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")  # the disk is busy with somebody else
    log.add(entry(log, 0, [0]))
    while log._waiting:
        time.sleep(0.001)  # until the thread holds the first one and waits for the database
    for number in range(1, 26):
        log.add(entry(log, number, [0]))
    assert log.dropped == 5
    blocker.execute("ROLLBACK")
    blocker.close()
    log.close()
    assert log.written == 21
    assert len(read_window(Database(url), "digits").status_R) == 21


def test_large_images_cannot_fill_the_memory(url, log, monkeypatch):
    monkeypatch.setattr(log_module, "CAPACITY_BYTES", 100)
    monkeypatch.setattr(log, "_take", list)  # nothing is taken off the queue
    for number in range(20):
        log.add(entry(log, number, [0, 0]))
    assert log.dropped == 16  # 32 bytes each; the fourth goes over the limit
    monkeypatch.undo()
    log.flush()


def test_entries_that_cannot_be_written_are_counted_and_the_rest_goes_on(url, log):
    log.add(entry(log, 1, [0]))
    log.flush()
    log.add(entry(log, 1, [0]))  # the same request id again
    assert log.flush()
    log.add(entry(log, 2, [0]))
    assert log.flush()
    assert (log.written, log.dropped) == (2, 1)


def test_closing_writes_what_is_waiting(url):
    log = open_log(url)
    for number in range(5000):
        log.add(entry(log, number, [number % 3]))
    log.close()
    assert len(read_window(Database(url), "digits").label_N) == 5000


def test_two_servers_write_one_database(url):
    logs = [open_log(url) for _ in range(2)]

    def write(log):
        for number in range(500):
            log.add(entry(log, number, [number % 3]))
        log.close()

    threads = [threading.Thread(target=write, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [log.dropped for log in logs] == [0, 0]
    assert len(read_window(Database(url), "digits").status_R) == 1000


@pytest.fixture(scope="module")
def postgres_url():
    with postgres.server() as url:
        yield url


def test_the_same_on_postgresql(postgres_url):
    log = open_log(postgres_url)
    log.add(entry(log, 1, [0, 2]))
    log.flush()
    add_feedback(log.database, "digits", f"{log.source}-1", "b", position=1)
    window = read_window(log.database, "digits")
    assert window.label_N.tolist() == [0, 2]
    assert window.feedback_N.tolist() == [-1, 1]
    assert window.statistics["mean"].shape == (2,)
    log.close()
