"""Feedback on an answer that another process gave a moment ago, which is not in the log yet."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from pigeonhole.predictions import Entry, PredictionLog, add_feedback, read_window
from pigeonhole.serving import feedback
from pigeonhole.serving.feedback import FeedbackTaker
from pigeonhole.serving.http import Request
from tests.bundle.tiny_onnx import CLASS_NAMES, SHAPE_HWC, band_images, expected_probs

IMAGES_NHWC, _ = band_images(1)
ID = "0123456789ab-1"


@pytest.fixture
def logs(tmp_path):
    """Those of two processes of one endpoint."""
    both = [
        PredictionLog(
            f"sqlite:///{tmp_path / 'workspace.db'}",
            "bands",
            deployment="blue",
            model="bands:3",
            bundle_sha256="0" * 64,
            class_names=CLASS_NAMES,
            shape_HWC=SHAPE_HWC,
        )
        for _ in range(2)
    ]
    yield both
    for log in both:
        log.close()


def asked(request_id):
    body = json.dumps({"request_id": request_id, "label": "top"}).encode()
    return Request("x-1", "POST", "/feedback", b"", {}, body)


def given(taker, *requests):
    """The answers in the order in which they came."""

    async def within():
        replies = asyncio.Queue()
        for request in requests:
            taker.take(request, replies.put_nowait)
        return [await replies.get() for _ in requests]

    try:
        return asyncio.run(within())
    finally:
        taker.close()


def test_it_waits_for_the_other_process_and_holds_nobody_up(logs, monkeypatch):
    mine, another = logs
    looks = []

    def looking(database, endpoint, request_id, *label):
        if request_id == ID:
            looks.append(request_id)
            if len(looks) == 3:
                another.add(
                    Entry(ID, time.time(), 1.0, 200, None, 1, IMAGES_NHWC.tobytes(), expected_probs(IMAGES_NHWC))
                )
                assert another.flush()
        add_feedback(database, endpoint, request_id, *label)

    monkeypatch.setattr(feedback, "add_feedback", looking)
    monkeypatch.setattr(feedback, "WAIT_S", 60.0)
    monkeypatch.setattr(feedback, "THREADS", 1)
    first, second = given(FeedbackTaker([mine], "ffffffffffff"), asked(ID), asked("an-id-of-nobody"))
    assert (first.status, second.status) == (404, 200)
    assert len(looks) == 3
    assert read_window(mine.database, "bands").feedback_N.tolist() == [0]


def test_what_never_comes_is_not_found(logs, monkeypatch):
    monkeypatch.setattr(feedback, "WAIT_S", 0.2)
    (reply,) = given(FeedbackTaker(logs, "ffffffffffff"), asked(ID))
    assert (reply.status, reply.error_code) == (404, "not_found_error")
