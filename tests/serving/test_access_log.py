"""The access log: a line for each answer, nothing secret in it, whole under rotation, and never in a request's way."""

from __future__ import annotations

import json
import os
import re
import threading

import pytest

from pigeonhole.core.errors import UsageError
from pigeonhole.serving import access_log, hash_key
from pigeonhole.serving.access_log import Access, AccessLog
from tests.bundle.tiny_onnx import band_images
from tests.serving.server_process import serving

ROWS = band_images(2)[0].reshape(2, -1).tolist()
KEY = "a-key-that-is-secret"


def access(number, path="/score", agent=b"curl/8"):
    return Access(
        1_750_000_000.0129, f"x-{number}", "POST", path, 200, 10, 20, 0.0012345, None, "", ("::1", 5, 0, 0), agent
    )


@pytest.fixture
def by_hand(monkeypatch):
    """Written when the test says so, and at the end."""
    monkeypatch.setattr(access_log, "WRITE_S", 600.0)


def told(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_for_each_answer_of_a_server(tiny, tmp_path):
    path = tmp_path / "logs" / "access.jsonl"
    config = {"bundle_folder": str(tiny.folder), "key_hashes": [hash_key(KEY)], "access_log": str(path)}
    with serving(tmp_path / "server", **config) as server:
        headers = {"authorization": f"Bearer {KEY}", "user-agent": "tests/1"}
        scored = server.client.post("/score?invert=false", json={"data": ROWS}, headers=headers)
        refused = server.client.post("/score?token=hidden", content=b"{}")
        page = server.client.get("/v2/health/ready")
        assert (scored.status_code, refused.status_code) == (200, 401), scored.text
        counted = server.client.get("/metrics", headers=headers).text
    one, two, three, _ = told(path)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"])
    assert one["duration_ms"] > one["queue_ms"] >= 0
    known = ("request_id", "method", "path", "status", "bytes_in", "deployment", "client", "user_agent")
    assert {key: one[key] for key in known} == {
        "request_id": scored.headers["x-request-id"],
        "method": "POST",
        "path": "/score",
        "status": 200,
        "bytes_in": len(scored.request.content),
        "deployment": "blue",
        "client": "127.0.0.1",
        "user_agent": "tests/1",
    }
    assert one["bytes_out"] > len(scored.content)
    assert (two["status"], two["request_id"]) == (401, refused.headers["x-request-id"])
    assert (two["deployment"], two["queue_ms"]) == (None, None)
    assert (three["method"], three["path"], three["request_id"]) == (
        "GET",
        "/v2/health/ready",
        page.headers["x-request-id"],
    )
    assert "pigeonhole_access_log_dropped_total 0" in counted
    assert not {KEY, "hidden", "token", hash_key(KEY)} & set(re.split(r"\W*[\"\s=?&]\W*", path.read_text()))
    assert path.stat().st_mode & 0o77 == 0


def test_it_may_go_to_stdout(tiny, tmp_path):
    with serving(tmp_path, bundle_folder=str(tiny.folder), access_log="-") as server:
        request_id = server.client.get("/ping").headers["x-request-id"]
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    assert [line["request_id"] for line in lines] == [request_id]


def test_whoever_stops_reading_stdout_does_not_keep_it_from_ending(monkeypatch, caplog, by_hand):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(access_log, "STDOUT_MS", 10)
        monkeypatch.setattr("sys.stdout", stdout)
        log = AccessLog("-")
        for number in range(2000):  # several times what a pipe holds
            log.add(access(number))
        log.close()
        stdout.close()
        lines = reader.read().splitlines()
    assert log.dropped == 2000
    assert "nobody reads stdout" in caplog.text
    # What was written before are whole lines.
    assert [json.loads(line)["request_id"] for line in lines] == [f"x-{number}" for number in range(len(lines))]
    assert lines


def test_what_a_client_calls_itself_cannot_fill_the_disk():
    line = json.loads(access(1, "/" + "a" * 500, b"b" * 500).line())
    assert (len(line["path"]), len(line["user_agent"])) == (access_log.TEXT_LIMIT, access_log.TEXT_LIMIT)
    assert (line["time"], line["duration_ms"], line["client"]) == ("2025-06-15T15:06:40.012Z", 1.234, "::1")


def test_several_processes_share_a_file_and_its_size_is_bounded(tmp_path, monkeypatch, by_hand):
    monkeypatch.setattr(access_log, "LIMIT_BYTES", 20_000)
    path = tmp_path / "access.jsonl"
    logs = [AccessLog(str(path)) for _ in range(2)]

    def fill(log, name):
        for round_ in range(8):
            for number in range(100):
                log.add(access(f"{name}-{round_}-{number}"))
            log._write()

    threads = [threading.Thread(target=fill, args=(log, name)) for name, log in enumerate(logs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    files = sorted(tmp_path.iterdir())
    assert path in files
    assert 2 <= len(files) <= 1 + access_log.OLDER
    lines = [line["request_id"] for file in files for line in told(file)]
    assert len(set(lines)) == len(lines)
    assert sum(log.dropped for log in logs) == 0


def test_a_file_that_was_put_aside_by_others_is_made_anew(tmp_path, by_hand):
    path = tmp_path / "access.jsonl"
    log = AccessLog(str(path))
    log.add(access(1))
    log._write()
    path.rename(tmp_path / "yesterday.jsonl")
    log.add(access(2))
    log.close()
    assert [line["request_id"] for line in told(path)] == ["x-2"]
    assert [line["request_id"] for line in told(tmp_path / "yesterday.jsonl")] == ["x-1"]


def test_what_does_not_fit_is_dropped_and_counted(tmp_path, monkeypatch, by_hand):
    monkeypatch.setattr(access_log, "CAPACITY", 3)
    log = AccessLog(str(tmp_path / "access.jsonl"))
    for number in range(5):
        log.add(access(number))
    assert log.dropped == 2
    log.close()
    assert len(told(tmp_path / "access.jsonl")) == 3


def test_a_full_disk_costs_lines_and_nothing_else(caplog, by_hand):
    log = AccessLog("/dev/full")
    for _ in range(2):
        log.add(access(1))
        log._write()
    log.close()
    assert log.dropped == 2
    assert caplog.text.count("lines are lost") == 1


def test_a_file_that_cannot_be_written_is_refused_at_the_start(tmp_path):
    with pytest.raises(UsageError, match="Is a directory") as caught:
        AccessLog(str(tmp_path))
    assert "--access-log" in caught.value.remedy
