"""An AutoML search as one person watches it: lines in a log, a live leaderboard, and its end on stdout."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from rich.console import Console

from pigeonhole.cli.automl_table import LeaderboardTable, duration, print_leaderboard, uncertain
from tests.reports.automls import outcome, row, usual

FACTS: dict[str, Any] = {
    "search": "digits-0a1b2c3d",
    "dataset": "digits:1",
    "primary_metric": "accuracy",
    "budget_s": 1200.0,
    "candidates": 37,
    "notes": ("iterations is max_trials here",),
}


@dataclass(frozen=True)
class Row:
    candidate: str
    state: str = "ok"
    score: float | None = None
    images: int | None = 54_000
    low: float | None = None
    high: float | None = None
    seconds: float = 3.0
    latency_ms: float | None = None

    @property
    def name(self) -> str:
        return f"MinMaxScaler, {self.candidate}"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_when_the_best_changes_and_at_each_phase(capsys: pytest.CaptureFixture[str]) -> None:
    with LeaderboardTable() as table:
        table.say_best()
        table.on_start(FACTS)
        table.on_phase("small samples")
        table.on_rows([Row("SGD", "running", None)], 1190)
        for _ in range(3):
            table.on_rows([Row("SGD", score=0.9, low=0.88, high=0.92), Row("KNN", "running")], 1100)
        table.on_phase("all images")
        table.on_phase("all images")
        table.on_rows([Row("SVM", score=0.95), Row("SGD", score=0.9)], 1000)
        table.say_best()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "no candidate has a score yet"
    assert lines[1] == "automl digits-0a1b2c3d: digits:1 by accuracy, 37 candidates, within 20m00s"
    assert lines[2:4] == ["note: iterations is max_trials here", "small samples"]
    assert lines[4].startswith("best so far: MinMaxScaler, SGD 90.00% ± 2.00 on 54,000 images, 18m")
    assert lines[5].startswith("all images  (1 ok, 1 running, 18m")
    assert lines[6].startswith("best so far: MinMaxScaler, SVM 95.00% on 54,000 images")
    assert lines[7] == "best so far: MinMaxScaler, SVM 95.00% on 54,000 images"
    assert len(lines) == 8


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_gets_the_ten_best_what_runs_and_the_time_left(width: int) -> None:
    table = LeaderboardTable()
    rows = [
        Row(f"SVM {index} {'long ' * 9}", score=0.99 - index / 100, low=0.5, high=0.6, latency_ms=0.123)
        for index in range(30)
    ]
    table.on_rows([*rows, *(Row(f"KNN {index}", "running") for index in range(6)), Row("MLP", "failed")], 75)
    console = Console(file=io.StringIO(), width=width, height=40)
    console.print(table)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    text = "\n".join(lines)
    assert all(len(line) <= width for line in lines)
    assert [f"SVM {index} " in text for index in (0, 9, 10)] == [True, True, False]
    assert "99.00% ± 5.00" in text
    assert text.count("0.123 ms") == text.count("54,000") == 10
    assert "MinMaxScaler, KNN 0; MinMaxScaler, KNN 1" in text
    assert "left · 30 ok, 6 running, 1 failed" in lines[-1]


def test_the_live_table_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with LeaderboardTable() as table:
        table.on_start(FACTS)
        table.on_phase("small samples")
        table.on_rows([Row("SGD", score=0.9)], 1190)
        assert table._live is not None
        table._live.refresh()
    assert "MinMaxScaler, SGD" in screen.getvalue()
    assert "small samples" in screen.getvalue()
    assert "best so far" not in screen.getvalue()
    assert table._live is None
    assert screen.getvalue().rstrip("\r\n").endswith("\x1b[2K")


def test_the_end_is_on_stdout_with_members_weights_and_what_did_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    print_leaderboard(usual())
    shown = capsys.readouterr()
    assert "VotingEnsemble" in shown.out
    assert "99.62% ± 0.16" in shown.out
    assert "0.750  cnn-best 99.55%" in shown.out
    assert "5 ok, 1 stopped, 2 not-applicable, 1 failed" in shown.out
    assert "291.4 of 300" in shown.out
    assert "The classes are not balanced" in shown.out
    assert shown.err.splitlines() == [
        "NaiveBayes stopped: not among the promising third",
        "KNN not-applicable: needs about 30 GB, 20 GB are there",
        "LightGBM failed: MemoryError",
        "StackEnsemble not-applicable: no time was left to fit members twice",
    ]
    late = [row(f"late-{number}", state="not-applicable", score=None, reason="no time") for number in range(5)]
    print_leaderboard(outcome([row("a", score=0.5), *late]))
    shown = capsys.readouterr()
    assert "alerts" not in shown.out
    assert shown.err == "late-0; late-1; late-2 and 2 more not-applicable: no time\n"


def test_figures_as_text() -> None:
    assert uncertain("accuracy", None) == "–"
    assert uncertain("accuracy", 0.99999) == "99.9990%"
    assert uncertain("AUC_weighted", 0.99996, 0.9999, 1.0) == "0.99996 ± 5e-05"
    assert [duration(s) for s in (0, 9.94, 9.96, 59.4, 59.6, 3599.7, 4020)] == [
        "0.0s", "9.9s", "10s", "59s", "1m00s", "1h00m", "1h07m",
    ]  # fmt: skip
