"""Caruana's selection against a reference that follows the definition word by word, and its rules one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pigeonhole.automl.selection import select
from pigeonhole.core.errors import DataError
from pigeonhole.evaluation.primary import PRIMARY_METRICS

ACCURACY = PRIMARY_METRICS["accuracy"]


def candidates(n_candidates, n=60, n_classes=3, seed=0):
    """Labels, and candidates of several strengths; probabilities in 64ths, so that sums are exact and ties happen."""
    rng = np.random.default_rng(seed)
    labels_N = np.arange(n) % n_classes
    probs = {}
    for number in range(n_candidates):
        strength = rng.uniform(1, 2.5)
        votes_NK = rng.gamma(1, size=(n, n_classes)) + strength * np.eye(n_classes)[labels_N] * rng.random((n, 1))
        parts_NK = np.floor(64 * votes_NK / votes_NK.sum(axis=1, keepdims=True))
        parts_NK[:, 0] += 64 - parts_NK.sum(axis=1)
        probs[f"candidate-{number}"] = (parts_NK / 64).astype(np.float32)
    return labels_N, probs


def scored(labels_N, probs, metric):
    return {name: metric.score(labels_N, probs_NK) for name, probs_NK in probs.items()}


def by_the_word(labels_N, probs, scores, metric, iterations):
    """The definition, with no regard to time."""

    def vote(members):
        mean_NK = np.mean([probs[name].astype(float) for name in members], axis=0)
        return metric.score(labels_N, mean_NK / mean_NK.sum(axis=1, keepdims=True))

    ranked = sorted(probs, key=lambda name: scores[name], reverse=True)[:50]
    k = 1 if iterations == 1 else min(5, iterations // 2)
    members = [name for name in ranked[:k] if scores[name] >= 0.95 * scores[ranked[0]]]
    seen = [(vote(members), list(members))]
    while len(members) < iterations:
        members = [*members, max(ranked, key=lambda name: (vote([*members, name]), scores[name]))]
        seen.append((vote(members), members))
    score, members = max(seen, key=lambda one: one[0])
    return score, tuple(members), {name: members.count(name) / len(members) for name in members}


@pytest.mark.parametrize("name", PRIMARY_METRICS)
@pytest.mark.parametrize(
    ("n_candidates", "iterations", "seed"), [(1, 15, 0), (4, 15, 1), (9, 15, 2), (9, 7, 3), (6, 1, 4)]
)
def test_the_selection_is_the_definitions(name, n_candidates, iterations, seed):
    metric = PRIMARY_METRICS[name]
    labels_N, probs = candidates(n_candidates, seed=seed)
    scores = scored(labels_N, probs, metric)
    found = select(labels_N, probs, scores, metric, iterations=iterations)
    score, members, weights = by_the_word(labels_N, probs, scores, metric, iterations)
    assert found.members == members
    assert found.score == score
    assert found.weights == weights
    assert math.isclose(math.fsum(found.weights.values()), 1)


@pytest.mark.parametrize("seed", range(20))
def test_the_weighted_vote_scores_what_the_selection_says(seed):
    labels_N, probs = candidates(7, seed=seed)
    scores = scored(labels_N, probs, ACCURACY)
    found = select(labels_N, probs, scores, ACCURACY)
    voted_NK = sum(weight * probs[name].astype(float) for name, weight in found.weights.items())
    assert found.best_individual_score == max(scores.values())
    # A model's answer is float32, in which what ties does so whatever the order of adding was.
    assert ACCURACY.score(labels_N, voted_NK.astype(np.float32)) == pytest.approx(found.score)
    assert len(found.members) <= 15


def test_a_candidate_far_below_the_best_is_not_among_the_first():
    labels_N = np.array([0, 1] * 20)
    good_NK = np.eye(2)[labels_N] * 0.5 + 0.25
    bad_NK = good_NK.copy()
    bad_NK[:10] = bad_NK[:10, ::-1]
    probs = {"bad": bad_NK, "good": good_NK}
    found = select(labels_N, probs, scored(labels_N, probs, ACCURACY), ACCURACY)
    assert found.weights == {"good": 1.0}
    assert found.best_individual == "good"


def test_of_equal_additions_the_better_candidate_comes_in():
    labels_N = np.array([0, 1, 0, 1])
    sure_NK = np.eye(2)[labels_N]
    probs = {"second": sure_NK, "first": sure_NK}
    found = select(labels_N, probs, {"second": 0.97, "first": 1.0}, ACCURACY, iterations=3)
    assert found.members == ("first",)
    assert found.best_individual == "first"


def test_only_the_fifty_best_are_looked_at():
    labels_N = np.array([0, 1] * 5)
    sure_NK = np.eye(2)[labels_N]
    probs = {f"c{number}": sure_NK for number in range(51)} | {"worst": np.full((10, 2), np.nan)}
    scores = dict.fromkeys(probs, 0.9) | {"worst": 0.1}
    with pytest.raises(DataError, match="nan"):
        select(labels_N, probs, scores, ACCURACY)
    probs["worst"] = sure_NK
    assert "worst" not in select(labels_N, probs, scores, ACCURACY).weights


def test_candidates_that_cannot_be_chosen_from_are_named_together():
    labels_N, probs = candidates(2)
    with pytest.raises(DataError, match=r"candidate-0: no score\n.*candidate-1: the score nan"):
        select(labels_N, probs, {"candidate-1": math.nan}, ACCURACY)
    with pytest.raises(DataError, match="no candidate"):
        select(labels_N, {}, {}, ACCURACY)


def test_the_selection_changes_nothing_that_it_was_given():
    labels_N, probs = candidates(4)
    before = {name: probs_NK.copy() for name, probs_NK in probs.items()}
    select(labels_N, probs, scored(labels_N, probs, ACCURACY), ACCURACY)
    assert all((before[name] == probs[name]).all() for name in probs)
