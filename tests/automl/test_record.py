"""What a search writes down comes back as it was: from a file, and from a PostgreSQL server."""

from __future__ import annotations

from dataclasses import replace

from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.fits import ALL, Fit, Tried, fold
from pigeonhole.automl.record import SearchRecord
from pigeonhole.core.database import Database

CANDIDATE = Candidate("svm-rbf@pca", "svm-rbf", "estimator", "PCA, SVM", {"scaler": "pca", "gamma": 1.5, "C": 8})
ENDED = Tried(
    Fit(CANDIDATE, 54_000),
    1,
    "ok",
    0.9871234567890123,
    0.98,
    0.99,
    seconds=1234.567,
    fit_s=1200.1234567,
    at_s=1300.123,
    run_id="svm-rbf-abcdef",
    latency_ms=0.0123,
    size_bytes=123_456_789_012,
    metrics={"accuracy": 0.98, "log_loss": 0.1},
)
OTHERS = [
    Tried(Fit(CANDIDATE, 2_000, fold(2, 5)), 2),
    Tried(Fit(CANDIDATE, 54_000, ALL), 3, "failed", reason="out of memory: “¼ of it”\nand more"),
    Tried(
        Fit(replace(CANDIDATE, key="cnn#2", kind="network", settings={}), 1), 4, "not-applicable", reason="too large"
    ),
]


def test_fits_come_back_as_they_were_in_order_of_starting(url: str) -> None:
    record = SearchRecord(Database(url), "s")
    for one in reversed([ENDED, *OTHERS]):
        record.write(one)
    assert SearchRecord(Database(url), "s").fits() == [ENDED, *OTHERS]


def test_a_fit_is_one_row_from_its_start_to_its_end(url: str) -> None:
    record = SearchRecord(Database(url), "s")
    record.write(Tried(ENDED.fit, 1))
    record.write(ENDED)
    assert record.fits() == [ENDED]


def test_searches_do_not_meet_and_each_keeps_its_clock(url: str) -> None:
    one, other = SearchRecord(Database(url), "one"), SearchRecord(Database(url), "other")
    one.write(ENDED)
    one.note(86_399.125, "TimedOut")
    assert (one.consumed_s, one.status, len(one.fits())) == (86_399.125, "TimedOut", 1)
    assert (other.consumed_s, other.status, other.fits()) == (0.0, "Running", [])
    # Whoever opens it again starts nothing anew.
    assert SearchRecord(Database(url), "one").status == "TimedOut"
