"""A process that logs and takes feedback is killed: what it acknowledged is there, and all but its last second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.database import Database
from pigeonhole.predictions import read_requests, read_window
from tests.predictions.making import NAMES, images

ROOT = Path(__file__).parents[2]
# Says when it handed over each entry, and each feedback once it is recorded: as a server acknowledges it.
_SERVER = """
import json, sys, time
from pigeonhole.predictions import add_feedback
from tests.predictions.making import entry, open_log
log = open_log(sys.argv[1])
def say(**news):
    sys.stdout.write(json.dumps(news) + chr(10))
    sys.stdout.flush()
number = 0
while True:
    log.add(entry(log, number, [number % 3] * 2, seed=number % 10))
    say(entry=number, source=log.source, at_s=time.monotonic())
    if number % 20 == 0:
        log.flush()
        add_feedback(log.database, "digits", f"{log.source}-{number:x}", "abc"[number % 3], position=number % 2)
        say(feedback=number)
    number += 1
    time.sleep(0.001)
"""


def killed(url, lives_s):
    """What a server said in its life."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    news = []
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, url], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        for line in server.stdout:
            news.append(json.loads(line))
            if news[-1].get("at_s", 0.0) - news[0]["at_s"] > lives_s:
                server.kill()
                break
        # What was in the pipe when it was killed was said too; a torn last line was not.
        news += [json.loads(line) for line in server.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    return news


@pytest.mark.parametrize("lives", [(1.1, 1.3), (1.2,)], ids=["sqlite", "postgres"])
def test_a_killed_server_loses_at_most_its_last_second_and_no_feedback(request, tmp_path, lives):
    url = f"sqlite:///{tmp_path / 'workspace.db'}" if len(lives) > 1 else request.getfixturevalue("postgres_url")
    for lives_s in lives:
        news = killed(url, lives_s)
        entries = [item for item in news if "entry" in item]
        source, last_s = entries[0]["source"], entries[-1]["at_s"]
        database = Database(url)
        found = {item.request_id: item for item in read_requests(database, "digits") if item.source.id == source}
        for item in entries:
            if item["at_s"] < last_s - 1.0:
                assert f"{source}-{item['entry']:x}" in found
        for item in news:
            if "feedback" in item:
                number = item["feedback"]
                given = found[f"{source}-{number:x}"].feedback
                assert given[number % 2] == NAMES[number % 3]
        for request_id, logged in found.items():
            number = int(request_id.rpartition("-")[2], 16)
            assert logged.labels == (NAMES[number % 3],) * 2
            np.testing.assert_array_equal(logged.images_NHWC, images(2, number % 10))
        assert len(read_window(database, "digits").label_N) >= 2 * len(found)
        if url.startswith("sqlite"):
            assert database.execute("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        database.close()
