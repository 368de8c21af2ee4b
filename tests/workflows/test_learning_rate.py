"""`train --find-learning-rate`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pigeonhole as ph
from pigeonhole.cli.main import run

from .conftest import Walked

LINE = ["train", "digits", "--model", "cnn", "--set", "batch_size=32", "--find-learning-rate"]


def test_it_suggests_a_rate_draws_a_chart_and_makes_no_run(walked: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    before = [item.run_id for item in ph.list_runs(workspace=walked.space)]
    assert run([*LINE, "--json", "--workspace", str(walked.space.root)]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["dataset"] == "digits:1"
    assert 1e-4 < found["suggestion"] < 1
    assert len(found["losses"]) == len(found["learning_rates"]) == len(found["smoothed"])
    assert [Path(picture).name for picture in found["pictures"]] == ["learning-rate.png", "learning-rate.html"]
    assert all(Path(picture).is_file() for picture in found["pictures"])
    assert f"--set learning_rate={found['suggestion']:g}" in said.err
    assert [item.run_id for item in ph.list_runs(workspace=walked.space)] == before


@pytest.mark.parametrize(
    ("more", "message"),
    [(["--resume-from", "latest"], "--resume-from"), (["--model", "logistic-regression"], "network")],
)
def test_what_it_cannot_do_is_refused(
    walked: Walked, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    line = ["train", "digits", "--find-learning-rate", "--workspace", str(walked.space.root)]
    assert run([*line, *more]) == 2
    assert message in capsys.readouterr().err
