"""What is made of a search that has ended: the choice under limits, and what is said of what could not be chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pigeonhole.automl.leaderboard import LeaderboardRow
from pigeonhole.automl.settings import AutomlSettings
from pigeonhole.core.errors import GateError
from pigeonhole.workflows.automl_ends import chosen_again
from pigeonhole.workflows.automl_outcome import AutomlOutcome

SLOW = LeaderboardRow("svm-rbf", "PCA, SVM", "ok", 0.95, 0.93, 0.97, 2000, 1.5, 9.0, 100_000, "svm-1", None)
FAST = replace(SLOW, candidate="knn", name="PCA, KNN", score=0.9, latency_ms=0.5, size_bytes=900_000, run_id="knn-1")
KNOWN = AutomlOutcome(
    search="digits-0123",
    status="TimedOut",
    dataset="digits:1",
    primary_metric="accuracy",
    best=SLOW,
    leaderboard=(SLOW, FAST),
    seconds=9.0,
    budget_s=10.0,
    ensembles={},
    guardrails=(),
    history=(),
    notes=(),
    folder="automl/digits-0123",
)


def test_a_search_that_has_ended_is_chosen_from_again_under_other_limits():
    found = chosen_again(KNOWN, AutomlSettings(max_latency_ms=1.0))
    assert found.run_id == "knn-1"
    assert "PCA, SVM" in found.notes[0]
    assert chosen_again(KNOWN, AutomlSettings()) == KNOWN


def test_limits_that_nothing_keeps_are_told_with_what_there_is():
    with pytest.raises(
        GateError, match=r"the fastest is PCA, KNN, 0\.5 ms and 0\.9 MB; the smallest is PCA, SVM, 9 ms"
    ):
        chosen_again(KNOWN, AutomlSettings(max_latency_ms=1.0, max_size_bytes=200_000))
