"""Every example in every help text, run for real, in the order in which a user would come to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pigeonhole.cli.main import run

from .conftest import free_port
from .test_help import ALL

ROOT = Path(__file__).parents[2]

# A recipe's training is the README's to run whole (and that of `full`); here it is the way through that counts.
QUICK = {
    "train: {model: cnn}": "train: {model: mlp-128}",
    "values: [1.0, 10.0]": "values: [10.0]",
    # The first model is good enough, however long this machine takes for it.
    "--budget 10s": "--budget 10m --set limits.exit_score=0.1 --set limits.max_concurrent_trials=1",
    "timeout_minutes: 1}": "timeout_minutes: 10, exit_score: 0.1, max_concurrent_trials: 1}",
}

# The story: commands by name. A line that begins with `pigeonhole` sets the scene for the examples after it.
STORY = [
    "doctor",
    "status",
    # What is trained on, two thirds of it held out: who trains in an example should not be waited for.
    "pigeonhole ingest mnist-5k --name digits --seed 1 --test 0.4 --validation 0.5",
    "ingest",
    "data list",
    "data show",
    "data diff",
    "data export",
    "data rm",
    "presets list",
    "presets show",
    "sweep",
    "automl",
    # The same search, as a recipe asks for it.
    "pigeonhole automl recipes/automl-mnist-5k.yml",
    "train",
    "evaluate",
    "pigeonhole train digits --model logistic-regression",
    "pigeonhole evaluate latest",
    "runs list",
    "runs show",
    "runs compare",
    "register",
    "pigeonhole register latest~1 --as digits",
    "models list",
    "models show",
    "models compare",
    "models promote",
    "lineage",
    "predict",
    "pigeonhole data export digits --to test.csv --format csv --split test",
    "batch",
    "serve",
    "package",
    "deploy",
    "monitor",
    "endpoints list",
    "endpoints show",
    "endpoints logs",
    "endpoints export-log",
    "pigeonhole deploy digits:2 --endpoint digits --deployment green --cpu 0.5",
    "endpoints update",
    "endpoints rollback",
    "endpoints history",
    "endpoints rm",
    "endpoints keys",
    "endpoints stop",
    "models rm",
    "runs rm",
    "pipeline",
    "pigeonhole endpoints stop digits",
]


def examples(name: str) -> list[str]:
    epilog: str = ALL[name].epilog
    return [line.removeprefix("Example: ") for line in epilog.splitlines() if line.startswith("Example: ")]


def test_the_story_tells_every_command() -> None:
    assert sorted(name for name in STORY if name in ALL) == sorted(ALL)


@pytest.fixture(params=[pytest.param(QUICK, id="quick"), pytest.param({}, id="whole", marks=pytest.mark.full)])
def shorter(request: pytest.FixtureRequest) -> dict[str, str]:
    """What stands in examples and recipes, and the shorter text for it."""
    chosen: dict[str, str] = request.param
    return chosen


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shorter: dict[str, str]) -> Iterator[Path]:
    """The current folder, with the recipes; endpoints are stopped at the end."""
    (tmp_path / "recipes").mkdir()
    for recipe in (ROOT / "recipes").glob("*.yml"):
        text = shortened(recipe.read_text(encoding="utf-8").replace("8080", str(free_port())), shorter)
        (tmp_path / "recipes" / recipe.name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    run(["endpoints", "stop", "digits"])


def shortened(text: str, shorter: dict[str, str]) -> str:
    for long, short in shorter.items():
        text = text.replace(long, short)
    return text


def test_every_example_runs(place: Path, shorter: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for step in STORY:
        for line in examples(step) if step in ALL else [step]:
            given = shlex.split(shortened(line, shorter))[1:]
            words = [str(free_port()) if word in {"8080", "8081"} else word for word in given]
            if step == "predict":
                assert (
                    run(["data", "export", "digits", "--to", "pictures", "--format", "folder", "--split", "test"]) == 0
                )
                shutil.copy(next((place / "pictures").rglob("7/*.png")), place / "seven.png")
            if step == "endpoints export-log":
                _asks("digits", place / "seven.png", capsys)
            if step == "serve":
                _serves(words, place)
                continue
            # In this process, since starting forty of them would take most of the suite's time.
            code = run(words)
            said = capsys.readouterr()
            assert code == 0, f"{line}\n{said.err}"
            assert said.out.strip(), line


def _asks(endpoint: str, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Something for the prediction log; it is written behind the answer, and who gives feedback waits for that."""
    run(["endpoints", "show", endpoint, "--json"])
    url = json.loads(capsys.readouterr().out)["url"]
    reply = httpx.post(f"{url}/score", content=picture.read_bytes(), headers={"content-type": "image/png"}, timeout=30)
    assert reply.status_code == 200
    said = httpx.post(f"{url}/feedback", json={"request_id": reply.json()["request_id"], "label": "7"}, timeout=30)
    assert said.status_code == 200


def _serves(words: list[str], place: Path) -> None:
    """A server in the foreground: answers, and leaves at Ctrl-C."""
    port = int(words[words.index("--port") + 1])
    with subprocess.Popen([sys.executable, "-m", "pigeonhole.cli.main", *words], cwd=place) as server:
        try:
            _wait_until_ready(port, server)
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) in {0, 130}


def _wait_until_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/v2/health/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    pytest.fail("the server did not become ready")
