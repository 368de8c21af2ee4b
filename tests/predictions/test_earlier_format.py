"""A log that the first format wrote (assets/format-1.sql, from a release of that time) is read as it was."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.database import Database
from pigeonhole.core.errors import NotFoundError
from pigeonhole.images import statistics
from pigeonhole.predictions import add_feedback, read_images, read_requests, read_window
from tests.predictions.making import entry, images, open_log

WRITTEN = (Path(__file__).parent / "assets" / "format-1.sql").read_text(encoding="utf-8")


@pytest.fixture
def earlier(url):
    """The URL of a database as the first format left it."""
    database = Database(url)
    with database.transaction() as transaction:
        for statement in WRITTEN.split(";\n"):
            if statement and statement not in {"BEGIN TRANSACTION", "COMMIT"}:
                if url.startswith("postgres"):
                    statement = re.sub(r"X'([0-9A-F]*)'", r"decode('\1', 'hex')", statement)
                transaction.execute(statement)
    database.close()
    return url


def test_an_earlier_log_reads_as_it_did(earlier):
    database = Database(earlier)
    window = read_window(database, "digits")
    assert window.received_at_s_R.tolist() == [1000.0, 1001.0, 1001.5, 1002.0]
    assert window.latency_ms_R.tolist() == [2.5, 0.3, 2.5, 4.5]
    assert window.error_code_R == (None, "data_error", None, None)
    assert window.n_images_R.tolist() == [2, 0, 3, 1]
    assert [window.class_names[k] for k in window.label_N] == ["a", "c", "c", "d", "a", "b"]
    assert [window.class_names[k] if k >= 0 else None for k in window.feedback_N] == [None, "b", "d", None, None, None]
    assert [window.models[m] for m in window.model_R] == ["digits:1", "digits:1", "digits:2", "digits:1"]
    sent_NHWC = np.concatenate([images(2, 1), images(3, 3), images(1, 2)])
    np.testing.assert_allclose(window.statistics["mean"], statistics(sent_NHWC)["mean"], rtol=2e-3)
    assert read_window(database, "letters").label_N.tolist() == [0]
    database.close()


def test_an_earlier_log_goes_on(earlier):
    log = open_log(earlier)
    log.add(entry(log, 1, [2], at=2000.0))
    log.close()
    database = Database(earlier)
    add_feedback(database, "digits", "0123456789ab-3", "a")
    assert read_window(database, "digits", 1002.0).feedback_N.tolist() == [0, -1]
    assert [request.images_NHWC is None for request in read_requests(database, "digits")] == [True] * 4 + [False]
    with pytest.raises(NotFoundError, match="logs images"):
        read_images(database, "digits", "0123456789ab-3")
    database.close()


def test_a_long_earlier_log_is_moved_in_pieces(earlier, monkeypatch):
    monkeypatch.setattr("pigeonhole.predictions.earlier._ROWS", 2)
    database = Database(earlier)
    assert [request.request_id for request in read_requests(database, "digits")] == [
        "0123456789ab-1",
        "0123456789ab-2",
        "fedcba987654-1",
        "0123456789ab-3",
    ]
    assert int((read_window(database, "digits").feedback_N >= 0).sum()) == 2
    database.close()
