"""What the prediction log promises, on SQLite and on a real PostgreSQL server alike."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import tracemalloc

import numpy as np
import pytest

from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, UsageError
from pigeonhole.images import decode, statistics
from pigeonhole.predictions import (
    Limits,
    add_feedback,
    export_log,
    read_images,
    read_requests,
    read_window,
)
from pigeonhole.predictions import log as log_module
from pigeonhole.predictions.blocks import alone
from tests.predictions.making import entry, images, open_log, probs, refused


def test_what_is_written_is_read_back_by_column(database, log):
    log.add(entry(log, 1, [0, 2], at=1000.0, seed=1))
    log.add(refused(log, 2, at=1001.0))
    log.add(entry(log, 3, [1], at=1002.0, seed=2))
    assert log.flush()
    window = read_window(database, "digits")
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
    assert window.lost_requests == 0
    figures = statistics(np.concatenate([images(2, 1), images(1, 2)]))
    np.testing.assert_allclose(window.statistics["mean"], figures["mean"], rtol=2e-3)
    np.testing.assert_allclose(window.statistics["block_means_7"], figures["block_means"][:, 7], rtol=2e-3)


def test_requests_that_end_out_of_order_are_read_in_the_order_of_arrival(database, log):
    for number, at in enumerate([30.0, 10.0, 20.0]):
        log.add(entry(log, number, [number] * (number + 1), at=at))
        log.flush()  # a block each
    window = read_window(database, "digits")
    assert window.received_at_s_R.tolist() == [10.0, 20.0, 30.0]
    assert window.label_N.tolist() == [1, 1, 2, 2, 2, 0]
    assert window.request_N.tolist() == [0, 0, 1, 1, 1, 2]
    assert read_window(database, "digits", 15.0, 25.0).label_N.tolist() == [2, 2, 2]


def test_a_window_has_a_beginning_and_an_end_and_one_endpoint(url, database, log):
    other = open_log(url, "letters")
    for number, at in enumerate([10.0, 20.0, 30.0]):
        log.add(entry(log, number, [number], at=at))
        other.add(entry(other, number, [0], at=at))
    log.flush()
    other.close()
    assert read_window(database, "digits", 20.0).label_N.tolist() == [1, 2]
    assert read_window(database, "digits", 10.0, 30.0).label_N.tolist() == [0, 1]
    assert read_window(database, "digits", 40.0).label_N.tolist() == []
    assert read_window(database, "nobody").class_names == ()


def test_requests_far_apart_are_found_by_their_own_time(database, log):
    for number, at in enumerate([0.0, 59.0, 61.0, 4000.0]):  # handed over at once, as after hours of waiting
        log.add(entry(log, number, [number % 3], at=at))
    log.flush()
    assert (log.written, log.dropped) == (4, 0)
    assert read_window(database, "digits", 60.0).received_at_s_R.tolist() == [61.0, 4000.0]
    assert read_window(database, "digits", 50.0, 60.0).received_at_s_R.tolist() == [59.0]
    assert [request.received_at_s for request in read_requests(database, "digits", until_s=61.0)] == [0.0, 59.0]


def test_models_with_other_classes_share_a_window(url, database, log):
    log.add(entry(log, 1, [0, 1, 2], at=1.0))
    log.flush()
    newer = open_log(url, class_names=("c", "d", "a"), model="digits:2")
    newer.add(entry(newer, 1, [0, 1, 2], at=2.0))
    newer.close()
    # Both sources may have started in the same millisecond, so the numbering is free, the names are not.
    window = read_window(database, "digits")
    assert set(window.class_names) == {"a", "b", "c", "d"}
    assert [window.class_names[k] for k in window.label_N] == ["a", "b", "c", "c", "d", "a"]
    assert [window.models[m] for m in window.model_R] == ["digits:1", "digits:2"]


def test_feedback_names_the_image_and_the_last_word_counts(database, log):
    log.add(refused(log, 0))
    log.add(entry(log, 1, [0, 2]))
    log.flush()
    add_feedback(database, "digits", f"{log.source}-1", "b", position=1)
    add_feedback(database, "digits", f"{log.source}-1", "a")
    add_feedback(database, "digits", f"{log.source}-1", "c", position=1)
    assert read_window(database, "digits").feedback_N.tolist() == [0, 2]


def test_feedback_finds_its_request_among_many(database, log):
    for number in range(600):  # ids of one, two and three digits, in three blocks
        log.add(entry(log, number, [number % 3] * (number % 2 + 1)))
        if number % 200 == 199:
            log.flush()
    numbers = (0, 9, 15, 16, 199, 200, 255, 256, 599)
    for number in numbers:
        add_feedback(database, "digits", f"{log.source}-{number:x}", "abc"[(number + 1) % 3], position=number % 2)
    window = read_window(database, "digits")
    given = np.flatnonzero(window.feedback_N >= 0)
    assert window.request_N[given].tolist() == list(numbers)
    assert window.feedback_N[given].tolist() == [(number + 1) % 3 for number in numbers]
    for number in (600, 0xFFF, 4095 * 16):
        with pytest.raises(NotFoundError):
            add_feedback(database, "digits", f"{log.source}-{number:x}", "a")


def test_ids_may_begin_otherwise_than_the_log(database, log):
    # Several logs of one process share its ids; a copy of a request has an id made from it.
    ids = ["f00-1", "f00-2-green", "f00", "-", "é-1", "f00-10"]
    for number, request_id in enumerate(ids):
        log.add(entry(log, number, [0], seed=number)._replace(request_id=request_id))
    log.flush()
    assert (log.written, log.dropped) == (6, 0)
    for number, request_id in enumerate(ids):
        add_feedback(database, "digits", request_id, "b")
        np.testing.assert_array_equal(read_images(database, "digits", request_id), images(1, number))
    assert read_window(database, "digits").feedback_N.tolist() == [1] * 6


def test_feedback_may_wait_for_a_request_that_another_process_answered(url, database, log):
    waits = threading.Thread(
        target=add_feedback, args=(database, "digits", f"{log.source}-1", "b"), kwargs={"wait_s": 60.0}
    )
    waits.start()
    log.add(entry(log, 1, [0]))
    waits.join()
    assert read_window(database, "digits").feedback_N.tolist() == [1]


@pytest.mark.parametrize(
    ("endpoint", "request_id", "label", "position", "error", "said"),
    [
        ("digits", "nonsense", "a", 0, NotFoundError, "nonsense"),
        ("digits", "", "a", 0, NotFoundError, "''"),
        ("letters", None, "a", 0, NotFoundError, "letters"),
        ("digits", None, "z", 0, DataError, "one of a, b, c"),
        ("digits", None, "a", 2, DataError, "0 to 1"),
        ("digits", None, "a", -1, DataError, "0 to 1"),
    ],
)
def test_feedback_that_fits_nothing_is_refused(database, log, endpoint, request_id, label, position, error, said):
    log.add(entry(log, 1, [0, 2]))
    log.flush()
    request_id = f"{log.source}-1" if request_id is None else request_id
    with pytest.raises(error, match=said):
        add_feedback(database, endpoint, request_id, label, position)
    assert read_window(database, "digits").feedback_N.tolist() == [-1, -1]


def test_images_are_read_back_by_the_request(database, log):
    log.add(refused(log, 0))
    log.add(entry(log, 1, [0, 2], seed=1))
    log.add(entry(log, 2, [1, 1, 1], seed=2))
    log.flush()
    np.testing.assert_array_equal(read_images(database, "digits", f"{log.source}-1"), images(2, 1))
    np.testing.assert_array_equal(read_images(database, "digits", f"{log.source}-2"), images(3, 2))
    with pytest.raises(NotFoundError, match="no-image-log"):
        read_images(database, "digits", f"{log.source}-0")
    with pytest.raises(NotFoundError, match="x-request-id"):
        read_images(database, "letters", f"{log.source}-1")


def test_without_the_image_log_figures_are_kept_and_no_pixel(url, database):
    log = open_log(url, log_images=False)
    log.add(entry(log, 1, [0, 2]))
    log.close()
    assert read_window(database, "digits").statistics["mean"].tolist() != [0, 0]
    (request,) = read_requests(database, "digits")
    assert (request.labels, request.images_NHWC) == (("a", "c"), None)
    with pytest.raises(NotFoundError, match="no-image-log"):
        read_images(database, "digits", f"{log.source}-1")
    assert database.execute("SELECT * FROM prediction_images") == []


def test_single_requests_come_with_all_that_is_known(url, database, log):
    log.add(entry(log, 1, [0, 2], at=1.0, seed=1))
    log.add(refused(log, 2, at=2.0))
    log.flush()
    newer = open_log(url, class_names=("c", "d", "a"), model="digits:2", deployment="green")
    newer.add(entry(newer, 1, [1], at=3.0, seed=3))
    newer.close()
    add_feedback(database, "digits", f"{log.source}-1", "b", position=1)
    first, second, third = read_requests(database, "digits")
    assert (first.request_id, first.labels, first.feedback) == (f"{log.source}-1", ("a", "c"), (None, "b"))
    assert (first.source.model, third.source.model, third.source.deployment) == ("digits:1", "digits:2", "green")
    assert (second.status, second.error_code, second.labels, second.images_NHWC) == (422, "data_error", (), None)
    assert (third.labels, third.feedback, third.received_at_s, third.latency_ms) == (("d",), (None,), 3.0, 2.5)
    np.testing.assert_array_equal(first.images_NHWC, images(2, 1))
    np.testing.assert_array_equal(third.images_NHWC, images(1, 3))
    np.testing.assert_allclose(first.statistics["mean"], statistics(images(2, 1))["mean"], rtol=2e-3)
    assert [request.request_id for request in read_requests(database, "digits", 2.0, 3.0)] == [second.request_id]
    assert next(read_requests(database, "digits", images=False)).images_NHWC is None


def test_reading_many_requests_takes_the_memory_of_some_blocks(database, log, monkeypatch):
    monkeypatch.setattr(log_module, "BLOCK_IMAGES", 250)
    for number in range(200):
        log.add(entry(log, number, [0] * 250))
    log.flush()
    tracemalloc.start()
    requests = read_requests(database, "digits")
    n = sum(len(request.images_NHWC) for request in requests)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 50_000
    assert peak < 1_500_000  # figures and images take 62 bytes an image: of all of them 3.1 MB, of a page of blocks 0.5


def test_an_image_log_keeps_to_its_limit_and_says_what_went(url, database, caplog):
    log = open_log(url, image_limits=Limits(size_bytes=6400))
    for number in range(1000):  # 16 bytes each
        log.add(entry(log, number, [0], at=float(number), seed=number))
        if number % 10 == 9:
            log.flush()
    with caplog.at_level("INFO", "pigeonhole.predictions"):
        log.close()
    kept = [request.images_NHWC is not None for request in read_requests(database, "digits")]
    assert sum(kept) * 16 <= 6400
    assert sum(kept) * 16 > 6400 * 0.9
    assert sum(kept) + log.images_dropped == 1000
    assert kept == sorted(kept)  # the oldest went
    assert len(read_window(database, "digits").label_N) == 1000
    losses = database.execute("SELECT kind, SUM(n) AS n FROM prediction_losses GROUP BY kind")
    assert losses == [{"kind": "images", "n": log.images_dropped}]


def test_a_limit_holds_though_the_transaction_that_looked_was_undone(url, database, monkeypatch):
    before = open_log(url)
    before.add(entry(before, 1, [0, 1, 2], at=1.0))
    before.close()
    monkeypatch.setattr(log_module, "RETRY_S", 0.01)
    log = open_log(url, image_limits=Limits(days=1))
    record, tries = log._writer._record, []

    def fail_once(*loss):
        tries.append(loss)
        if len(tries) == 1:
            raise RuntimeError("undone")
        record(*loss)

    monkeypatch.setattr(log._writer, "_record", fail_once)
    log.add(entry(log, 1, [0], at=1e10))
    assert log.flush()
    log.close()
    assert log.images_dropped == 3
    assert len(database.execute("SELECT * FROM prediction_images")) == 1


def test_what_left_the_image_log_stands_in_the_servers_log(url, caplog):
    with caplog.at_level("INFO", "pigeonhole.predictions"):
        log = open_log(url, image_limits=Limits(size_bytes=1 << 20, days=30))
        log.add(entry(log, 1, [0, 1], at=1.0))
        log.close()
    assert log.images_dropped == 2
    assert (
        "the 2 oldest images left the log, up to 1970-01-01T00:00:01+00:00; it keeps 1 MiB and 30 days" in caplog.text
    )


def test_images_of_before_are_held_to_the_limits_when_no_more_are_logged(url, database):
    before = open_log(url)
    before.add(entry(before, 1, [0, 1, 2], at=1.0))
    before.close()
    log = open_log(url, log_images=False, image_limits=Limits(days=1))
    log.add(entry(log, 1, [0]))
    log.close()
    assert log.images_dropped == 3
    assert database.execute("SELECT * FROM prediction_images") == []


def test_one_endpoints_limit_is_no_others(url, database):
    large = open_log(url, "letters")
    large.add(entry(large, 1, [0] * 100))
    large.close()
    small = open_log(url, image_limits=Limits(size_bytes=0))
    small.add(entry(small, 1, [0]))
    small.close()
    assert len(read_images(database, "letters", f"{large.source}-1")) == 100
    assert small.images_dropped == 1


@pytest.mark.parametrize("limits", [{"size_bytes": -1}, {"days": 0}, {"days": -1.0}])
def test_limits_below_nothing_are_refused(limits):
    with pytest.raises(UsageError, match="correct the limits"):
        Limits(**limits)


@contextlib.contextmanager
def held(log, monkeypatch):
    """The writing thread has taken the first entry and gets no further, as when the disk is slow."""
    took, goes_on = threading.Event(), threading.Event()
    write = log._write

    def hold(batch):
        took.set()
        goes_on.wait()
        write(batch)

    monkeypatch.setattr(log, "_write", hold)
    log.add(entry(log, 0, [0]))
    took.wait()
    yield
    goes_on.set()


def test_a_full_queue_drops_and_counts(database, log, monkeypatch):
    monkeypatch.setattr(log, "_capacity", 20)
    with held(log, monkeypatch):
        for number in range(1, 26):
            log.add(entry(log, number, [0]))
        assert log.dropped == 5
    assert log.flush()
    assert (log.written, log.dropped) == (21, 5)
    assert len(read_window(database, "digits").status_R) == 21


def test_large_images_cannot_fill_the_memory(database, log, monkeypatch):
    monkeypatch.setattr(log_module, "CAPACITY_BYTES", 100)
    with held(log, monkeypatch):  # an image of 16 bytes is held
        for number in range(1, 21):
            log.add(entry(log, number, [0, 0]))
        assert log.dropped == 17  # 32 bytes each; the third goes over the limit
    assert log.flush()
    assert len(read_window(database, "digits").label_N) == 7


def test_what_was_lost_is_told_to_those_who_read_the_window(url, database):
    log = open_log(url, capacity=0)
    log.add(entry(log, 1, [0]))
    log.add(entry(log, 2, [0]))
    log.close()
    window = read_window(database, "digits")
    assert (window.lost_requests, len(window.label_N)) == (2, 0)
    assert read_window(database, "digits", until_s=1.0).lost_requests == 0
    assert read_window(database, "letters").lost_requests == 0


@pytest.mark.parametrize(
    "unfit",
    [
        {"pixels": b"123"},
        {"n_images": 2},
        {"probs_NK": probs([0, 1, 2])},
    ],
)
def test_an_entry_that_does_not_fit_is_counted_and_its_neighbours_are_written(database, log, unfit):
    log.add(entry(log, 1, [0]))
    log.add(entry(log, 2, [1])._replace(**unfit))
    log.add(entry(log, 3, [2]))
    assert log.flush()
    assert (log.written, log.dropped) == (2, 1)
    assert read_window(database, "digits").label_N.tolist() == [0, 2]


def test_a_block_that_is_written_again_is_there_once(database, log):
    log.add(entry(log, 1, [0]))
    log.flush()
    (block,) = log._packed([alone(entry(log, 2, [1]))])
    assert log._store(*block)
    assert log._store(*block)  # as after an answer that was lost on its way
    assert read_window(database, "digits").label_N.tolist() == [0, 1]
    assert len(list(read_requests(database, "digits"))) == 2


def test_closing_writes_what_is_waiting(url, database):
    log = open_log(url)
    for number in range(5000):
        log.add(entry(log, number, [number % 3], at=1000.0 + number / 10))  # as after minutes without a database
    log.close()
    assert len(read_window(database, "digits").label_N) == 5000
    assert database.execute("SELECT COUNT(*) AS n FROM prediction_blocks")[0]["n"] < 50


def test_two_servers_write_one_database(url, database):
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
    assert len(read_window(database, "digits").status_R) == 1000


def test_the_export_has_azures_folders_and_every_request_once(url, database, tmp_path):
    blue, green = open_log(url), open_log(url, model="digits:2", deployment="green")
    noon = 1_700_049_600.0  # 2023-11-15T12:00:00Z
    for number in range(200):
        blue.add(entry(blue, number, [number % 3] * 2, at=noon + 60 * number, seed=number))
    green.add(refused(green, 1, at=noon))
    green.add(entry(green, 2, [1], at=noon))
    for log in (blue, green):
        log.close()
    add_feedback(database, "digits", f"{blue.source}-5", "c", position=1)
    done = export_log(database, "digits", tmp_path / "out")
    assert done.to_dict() == {
        "folder": str(tmp_path / "out" / "digits"),
        "requests": 201,
        "images": 401,
        "labelled": 1,
        "without_image": 0,
        "refused": 1,
    }
    inputs = tmp_path / "out" / "digits" / "blue" / "model_inputs" / "2023" / "11" / "15"
    files = sorted(inputs.rglob("*.jsonl"))
    assert [str(file.relative_to(inputs)) for file in files] == [f"{h}/{blue.source}.jsonl" for h in (12, 13, 14, 15)]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [line["correlationid"] for line in lines] == [f"{blue.source}-{number:x}" for number in range(200)]
    assert (lines[61]["time"], lines[61]["modelversion"]) == ("2023-11-15T13:01:00Z", "digits:1")
    sent = images(2, 61)
    for record, image in zip(lines[61]["data"], sent, strict=True):
        np.testing.assert_array_equal(decode(base64.b64decode(record["image"])), image)
    (truth,) = (tmp_path / "out" / "digits" / "blue" / "ground_truth").rglob("*.jsonl")
    assert json.loads(truth.read_text())["data"] == [{"label": None}, {"label": "c"}]
    assert not list(tmp_path.rglob(".staging*"))


def test_an_export_never_touches_an_earlier_one(database, log, tmp_path):
    with pytest.raises(NotFoundError, match="no answered request"):
        export_log(database, "digits", tmp_path / "out")
    log.add(entry(log, 1, [0]))
    log.flush()
    export_log(database, "digits", tmp_path / "out")
    with pytest.raises(ConflictError, match="already"):
        export_log(database, "digits", tmp_path / "out")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError):
        export_log(database, "digits", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_export_without_images_has_the_figures_only(url, database, tmp_path):
    log = open_log(url, log_images=False)
    log.add(entry(log, 1, [0, 1]))
    log.close()
    assert export_log(database, "digits", tmp_path / "with").without_image == 2
    assert export_log(database, "digits", tmp_path / "without", images=False).without_image == 0
    (with_,), (without,) = [
        [json.loads(file.read_text())["data"] for file in (tmp_path / name).rglob("model_inputs/**/*.jsonl")]
        for name in ("with", "without")
    ]
    assert [record.pop("image") for record in with_] == [None, None]
    assert with_ == without
    assert set(without[0]) == {"mean", "std", "border_mean", "ink", *(f"block_means_{k}" for k in range(16))}
