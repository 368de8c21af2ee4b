"""The search for a learning rate: when it ends, what it suggests, and that it leaves nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_networks import data, spec

from pigeonhole import models
from pigeonhole.core.errors import DataError, TrainingError, UsageError
from pigeonhole.models.networks.training.finding import STEPS, smoothed, suggestion
from pigeonhole.reports import learning_rate_chart


def test_it_falls_then_rises_and_the_suggestion_lies_before_the_least_loss(tmp_path):
    before = torch.get_rng_state()
    found = models.search_learning_rate(spec(tmp_path), data(), seed=1)
    assert torch.equal(before, torch.get_rng_state())
    rates, losses = np.array(found.learning_rates), np.array(found.smoothed)
    assert np.allclose(np.diff(np.log(rates)), np.log(1e6) / (STEPS - 1))
    assert losses.min() < 0.9 * losses[:10].mean()
    assert len(rates) < STEPS, "it ends where the loss has left"
    assert losses[-1] > losses.min()
    assert found.suggestion == pytest.approx(rates[losses.argmin()] / 10, rel=0.06)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yml"]


def test_it_repeats_and_the_rate_that_is_set_does_not_matter(tmp_path):
    first = models.search_learning_rate(spec(tmp_path), data(), seed=1)
    assert models.search_learning_rate(spec(tmp_path, learning_rate=0.3), data(), seed=1).suggestion == first.suggestion
    assert models.search_learning_rate(spec(tmp_path), data(), seed=1) == first
    assert models.search_learning_rate(spec(tmp_path), data(), seed=2) != first


def test_a_training_at_the_suggestion_learns(tmp_path):
    found = models.search_learning_rate(spec(tmp_path), data(), seed=1)
    trained = models.fit(
        spec(tmp_path, learning_rate=found.suggestion, epochs=10), data(), seed=1, folder=tmp_path / "m"
    )
    assert max(record["validation_accuracy"] for record in trained.history) > 0.8


def test_each_loss_is_smoothed_to_both_sides():
    assert smoothed([3.0]) == [3.0]
    spike = smoothed([0.0] * 10 + [9.0] + [0.0] * 10)
    assert spike == pytest.approx([0.0] * 6 + [1.0] * 9 + [0.0] * 6)
    assert suggestion(np.array([0.1, 0.2, 0.4]), [3.0, 1.0, 2.0]) == 0.02


def test_what_has_no_learning_rate_or_no_images_is_refused(tmp_path):
    with pytest.raises(UsageError, match="logistic-regression"):
        models.search_learning_rate(models.resolve("logistic-regression"), data(), seed=0)
    empty = models.TrainingData(np.zeros((0, 12, 12, 1), np.uint8), np.zeros(0, np.int64), None, None, ("a", "b"))
    with pytest.raises(DataError):
        models.search_learning_rate(spec(tmp_path), empty, seed=0)


def test_a_loss_that_never_was_finite_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("pigeonhole.models.networks.training.finding.LOW", 1e30)
    monkeypatch.setattr("pigeonhole.models.networks.training.finding.HIGH", 1e31)
    with pytest.raises(TrainingError, match="the loss is"):
        models.search_learning_rate(spec(tmp_path), data(), seed=0)


def test_the_chart_is_drawn_whatever_the_losses(tmp_path):
    rates = np.geomspace(1e-5, 10, 30).tolist()
    losses = [2.0] * 20 + [1.0] * 5 + [1e9] * 5
    (png,) = learning_rate_chart(rates, losses, losses, 0.01, tmp_path / "new")
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
