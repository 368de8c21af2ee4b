"""A script's process: asked, lost, replaced, and ended with all that it started."""

from __future__ import annotations

import json
import os
import queue
import signal

import psutil
import pytest

from pigeonhole import scripts
from pigeonhole.scripts import Answer, Question, Unanswered, runner
from tests.endpoints.waiting import wait_for
from tests.scripts.writing import write_script


class Asking:
    """A runner, and the outcomes of what it was asked in the order in which they came."""

    def __init__(self, folder, timeout_s=60.0, memory_bytes=None):
        self.runner = scripts.Runner(scripts.load(folder), "blue (mine:1)", {}, timeout_s, memory_bytes)
        self.outcomes = queue.Queue()

    def put(self, value, *, aside=False):
        headers = {"content-type": "application/json"}
        content = json.dumps(value).encode()
        question = Question("id-1", "POST", "/score", "", headers, content, self.outcomes.put)
        self.runner.ask(question, aside=aside)
        return question

    def value(self):
        outcome = self.outcomes.get(timeout=120)
        assert isinstance(outcome, Answer), outcome
        return json.loads(outcome.content)

    def ask(self, value):
        self.put(value)
        return self.value()

    def lose(self, value):
        self.put(value)
        outcome = self.outcomes.get(timeout=120)
        assert isinstance(outcome, Unanswered), outcome
        return outcome


@pytest.fixture
def asking(tmp_path):
    made = []

    def make(code=None, **options):
        folder = write_script(tmp_path / "mine", code) if code else write_script(tmp_path / "mine")
        made.append(Asking(folder, **options))
        made[-1].runner.start()
        return made[-1]

    yield make
    for each in made:
        each.runner.close()


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_only_the_request_that_a_process_was_busy_with_goes_unanswered(asking):
    mine = asking()
    for what, why in (("end", "exit code 5"), ("crash", "SIGSEGV")):
        for value in (1, what, 2):
            mine.put(value)
        assert mine.value() == 1
        assert why in mine.outcomes.get(timeout=120).why
        assert mine.value() == 2
    assert (mine.runner.restarts, mine.runner.is_well, mine.runner.asked) == (2, True, 6)


def test_a_process_that_is_killed_while_nothing_is_asked_is_replaced_at_once(asking):
    mine = asking()
    first = mine.ask("pid")
    os.kill(first, signal.SIGKILL)
    assert mine.ask("pid") != first
    wait_for(lambda: is_gone(first), "its end")


def test_one_that_takes_too_long_is_ended_with_what_it_has_started(asking, tmp_path):
    mine = asking(
        """
        import json, subprocess, time
        def init():
            with open("started", "w") as file:
                file.write(str(subprocess.Popen(["sleep", "3600"]).pid))
        def run(data):
            if json.loads(data) == "sleep":
                time.sleep(3600)
            return data
        """,
        timeout_s=1.0,
    )
    first, started = mine.runner.pid, int((tmp_path / "mine" / "started").read_text())
    assert mine.lose("sleep").is_late
    assert mine.ask("a") == '"a"'
    assert is_gone(first)
    wait_for(lambda: is_gone(started), "the end of what it had started")


def test_one_that_is_dropped_is_not_asked_and_one_under_way_is_cut_short(asking, tmp_path):
    mine = asking(
        """
        import json, os, time
        def init(): pass
        def run(data):
            value = json.loads(data)
            if value == "sleep":
                open("begun", "w").close()
                time.sleep(3600)
            return value
        """
    )
    first = mine.runner.pid
    busy, waiting = mine.put("sleep"), mine.put("waiting")
    wait_for((tmp_path / "mine" / "begun").exists, "its beginning")
    mine.put("after")
    mine.runner.drop(waiting)
    mine.runner.drop(busy)
    assert mine.value() == "after"
    assert mine.outcomes.empty()
    assert is_gone(first)


def test_what_is_asked_aside_waits_for_the_others(asking, tmp_path):
    mine = asking(
        """
        import json, os, time
        def init(): pass
        def run(data):
            value = json.loads(data)
            while value == "hold" and not os.path.exists("go"):
                time.sleep(0.01)
            return value
        """
    )
    mine.put("hold")
    mine.put("copy", aside=True)
    mine.put("asked")
    (tmp_path / "mine" / "go").write_text("")
    assert [mine.value() for _ in range(3)] == ["hold", "asked", "copy"]


def test_one_that_takes_too_much_memory_is_ended_and_says_so(asking):
    code = """
        import json, time
        def init(): pass
        def run(data):
            if json.loads(data) == "grow":
                hoard = bytearray(400 << 20)
                hoard[:: 4096] = bytes(len(hoard[:: 4096]))
                time.sleep(3600)
            return data
    """
    mine = asking(code, memory_bytes=200 << 20)
    assert "PodOutOfMemory" in mine.lose("grow").why
    assert mine.ask("a") == '"a"'


def test_a_script_that_cannot_be_started_again_is_told_of_and_tried_on(asking, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "BACKOFF_LIMIT_S", 0.1)
    mine = asking(
        """
        import os
        def init():
            if os.path.exists("broken"):
                raise RuntimeError("no more")
        def run(data):
            open("broken", "w").close()
            os._exit(1)
        """
    )
    assert "exit code 1" in mine.lose("go").why
    mine.put("waits")
    wait_for(lambda: not mine.runner.is_well, "five starts that failed")
    assert "UserScriptInitFailed" in mine.outcomes.get(timeout=60).why
    assert "cannot be started" in mine.lose("again").why
    (tmp_path / "mine" / "broken").unlink()
    wait_for(lambda: mine.runner.is_well, "a start that did not fail")


def test_closing_leaves_no_process(asking):
    mine = asking()
    pid = mine.ask("pid")
    mine.put("sleep")
    mine.put("waits")
    mine.runner.close()
    assert is_gone(pid)
    assert isinstance(mine.outcomes.get(timeout=60), Unanswered)
