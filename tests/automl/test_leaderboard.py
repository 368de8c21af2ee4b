"""Rows of a leaderboard: the best score counts, folds are averaged, limits are kept."""

from __future__ import annotations

from dataclasses import replace

from pigeonhole.automl.fits import ALL, Fit, Tried, fold
from pigeonhole.automl.leaderboard import best_row, history, rows
from tests.automl.searching import ended, estimator

KNN, SVM = estimator("knn"), estimator("svm-rbf")


def test_the_fit_on_most_images_counts():
    tried = [ended(Fit(KNN, 100), 1, 0.95), ended(Fit(KNN, 500), 2, 0.9, run_id="r", latency_ms=2.0, size_bytes=9)]
    (row,) = rows(tried)
    assert (row.score, row.images, row.run_id, row.latency_ms) == (0.9, 500, "r", 2.0)
    assert row.seconds == sum(one.seconds for one in tried)


def test_a_larger_fit_that_failed_leaves_the_smaller_ones_score_and_says_why():
    tried = [ended(Fit(KNN, 100), 1, 0.95, run_id="r"), Tried(Fit(KNN, 500), 2, "failed", reason="it broke")]
    (row,) = rows(tried)
    assert (row.state, row.score, row.run_id) == ("ok", 0.95, "r")
    assert row.reason == "on 500 images: it broke"


def test_folds_are_averaged_once_the_model_of_all_images_is_there():
    tried = [ended(Fit(KNN, 100, fold(n, 4)), n, 0.8 + n / 100, low=0.7, high=0.95) for n in range(1, 5)]
    last = Tried(Fit(KNN, 100, ALL), 5, "ok", run_id="r", latency_ms=1.0)
    (row,) = rows([*tried, last])
    assert row.score is not None
    assert abs(row.score - 0.825) < 1e-9
    assert row.run_id == "r"
    assert row.low is not None
    # Four folds are twice as sure as one.
    assert abs((row.score - row.low) - (0.825 - 0.7) / 2) < 1e-9
    assert rows([*tried, replace(last, state="running")])[0].score is None


def test_a_score_of_some_folds_is_no_score_of_all_images():
    sample = ended(Fit(KNN, 20, fold(1, 4)), 1, 0.7)
    some = [ended(Fit(KNN, 100, fold(n, 4)), 1 + n, 0.9) for n in range(1, 3)]
    (row,) = rows([sample, *some], train_images=100)
    assert (row.state, row.score, row.images) == ("ok", 0.7, 20)
    assert row.reason == "on 100 images: not all folds were fitted"
    (first,) = rows(some[:1], train_images=100)
    assert (first.state, first.score, first.reason) == ("stopped", None, "not all folds were fitted")


def test_a_fold_that_failed_fails_the_candidate_whatever_came_after_it():
    broken = Tried(Fit(KNN, 100, fold(2, 4)), 2, "failed", reason="it broke")
    tried = [ended(Fit(KNN, 100, fold(1, 4)), 1, 0.9), broken, ended(Fit(KNN, 100, fold(3, 4)), 3, 0.9)]
    (row,) = rows(tried, train_images=100)
    assert (row.state, row.score, row.reason) == ("failed", None, "it broke")


def test_those_without_a_turn_are_told():
    board = rows([ended(Fit(KNN, 100), 1, 0.9)], [KNN, SVM], "no time")
    assert [(row.candidate, row.state, row.reason) for row in board] == [
        ("knn", "ok", None),
        ("svm-rbf", "not-applicable", "no time"),
    ]


def test_the_best_is_exported_and_keeps_the_limits():
    board = rows(
        [
            ended(Fit(SVM, 100), 1, 0.99),
            ended(Fit(KNN, 100), 2, 0.95, run_id="slow", latency_ms=9.0, size_bytes=100),
            ended(Fit(estimator("xgboost"), 100), 3, 0.9, run_id="fast", latency_ms=1.0, size_bytes=900),
        ]
    )
    best = best_row(board)
    fast = best_row(board, max_latency_ms=2.0)
    assert best is not None
    assert fast is not None
    assert (best.run_id, fast.run_id) == ("slow", "fast")
    assert best_row(board, max_latency_ms=2.0, max_size_bytes=500) is None


def test_one_fold_is_no_best_score_on_the_way():
    sample = ended(Fit(KNN, 20, fold(1, 2)), 1, 0.7)
    both = [ended(Fit(KNN, 100, fold(1, 2)), 2, 1.0), ended(Fit(KNN, 100, fold(2, 2)), 3, 0.8)]
    last = Tried(Fit(KNN, 100, ALL), 4, "ok", at_s=4.0)
    found = [(one["at_s"], one["score"]) for one in history([sample, *both, last], 100)]
    assert found == [(1.0, 0.7), (4.0, 0.9)]
    assert [one["score"] for one in history([sample, *both], 100)] == [0.7]
    assert [one["score"] for one in history([ended(Fit(KNN, 100), 1, 0.9)], 100)] == [0.9]
