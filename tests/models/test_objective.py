from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_networks import data, spec
from torch.nn import functional

from pigeonhole import models
from pigeonhole.models.networks.hardware import Hardware
from pigeonhole.models.networks.network import Network
from pigeonhole.models.networks.training.objective import Objective, Targets, balanced
from pigeonhole.models.settings import Training

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.1, 0.0], [0.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
LABELS = torch.tensor([0, 0, 0, 1])


def test_balanced_weights_make_classes_equal_and_average_to_one():
    labels = np.array([0] * 6 + [1] * 2)
    assert balanced(labels, 3).tolist() == pytest.approx([8 / 12, 2, 0])
    assert balanced(labels, 3)[labels].mean() == pytest.approx(1)


def test_the_minimised_loss_is_weighed_and_the_recorded_one_is_not():
    objective = Objective.of(Training(class_weight="balanced"), LABELS.numpy(), 3, "cpu")
    losses = functional.cross_entropy(LOGITS, LABELS, reduction="none")
    minimised, recorded = objective.losses(LOGITS, Targets(LABELS))
    assert recorded.item() == pytest.approx(losses.mean().item())
    # Keras: the sum of weight times loss over the number of images.
    assert minimised.item() == pytest.approx((losses * torch.tensor([4 / 6, 4 / 6, 4 / 6, 2])).sum().item() / 4)


def test_smoothed_labels_are_torchs():
    minimised, recorded = Objective(0.1).losses(LOGITS, Targets(LABELS))
    expected = functional.cross_entropy(LOGITS, LABELS, label_smoothing=0.1).item()
    assert minimised.item() == recorded.item() == pytest.approx(expected)


def test_a_mixture_is_held_against_both_labels():
    share = torch.tensor([0.5, 0.6, 0.7, 1.0])
    targets = Targets.mixed(LABELS, share)
    mixed = share[:, None] * functional.one_hot(LABELS, 3) + (1 - share)[:, None] * functional.one_hot(
        targets.others_N, 3
    )
    expected = functional.cross_entropy(LOGITS, mixed).item()
    assert Objective(0.0).losses(LOGITS, targets)[0].item() == pytest.approx(expected)
    parts = [Objective(0.0).losses(part, of)[0] for part, of in zip(LOGITS.split(2), targets.split(2), strict=True)]
    assert torch.stack(parts).mean().item() == pytest.approx(expected)


def rare(n=200):
    """Two classes that look alike, one of them rare."""
    noise = np.random.default_rng(4)
    labels = (np.arange(n) % 10 == 0).astype(np.int64)
    images = noise.integers(0, 120, (n, 8, 8, 1), np.uint8) + (labels * 9).astype(np.uint8)[:, None, None, None]
    return models.TrainingData(images, labels, None, None, ("often", "rare"))


def test_balanced_training_finds_the_rare_class_more_often(tmp_path):
    images = rare()

    def found(**settings):
        made_of = spec(tmp_path, epochs=3, precision="fp32", **settings)
        trained = models.fit(made_of, images, seed=3, folder=tmp_path / f"{settings}")
        return trained.probabilities(images.train_images_NHWC)[images.train_labels_N == 1, 1].mean()

    assert found(class_weight="balanced") > found() + 0.1


def steps_of(tmp_path, **settings):
    """The norm of each step's change of the weights, with plain gradient descent at rate 1."""
    norms, before = [], []

    class Measure(models.Callback):
        def on_train_begin(self, trainer):
            before.extend(parameter.detach().clone() for parameter in trainer.network.parameters())

        def on_step_end(self, trainer):
            now = [parameter.detach().clone() for parameter in trainer.network.parameters()]
            norms.append(torch.cat([(a - b).flatten() for a, b in zip(now, before, strict=True)]).norm().item())
            before[:] = now

    made_of = spec(
        tmp_path,
        epochs=1,
        optimizer={"name": "sgd", "learning_rate": 1.0, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
        schedule={"name": "constant", "warmup": 0.0},
        precision="fp32",
        **settings,
    )
    models.fit(made_of, data(), seed=5, folder=tmp_path / f"{settings}", callbacks=[Measure()])
    return norms


def test_clipping_bounds_the_norm_of_all_gradients_together(tmp_path):
    free, bounded = steps_of(tmp_path), steps_of(tmp_path, global_clipnorm=0.5)
    assert free[0] > 0.5
    assert bounded[0] == pytest.approx(0.5, rel=1e-3)
    assert max(bounded) < 0.5001
    assert steps_of(tmp_path, global_clipnorm=1e12) == free


def test_a_penalty_is_minimised_and_not_recorded(tmp_path, monkeypatch):
    plain = models.fit(spec(tmp_path, epochs=1), data(), seed=5, folder=tmp_path / "plain")
    monkeypatch.setattr(Network, "penalty", lambda network: 0.1 * sum(p.square().sum() for p in network.parameters()))
    pulled = models.fit(spec(tmp_path, epochs=1), data(), seed=5, folder=tmp_path / "pulled")

    def size(trained):
        return sum(parameter.square().sum().item() for parameter in trained.network.parameters())

    assert size(pulled) < size(plain)
    assert pulled.history[0]["train_loss"] < 3


def test_looking_at_the_losses_late_changes_nothing(tmp_path, monkeypatch):
    figures = ("train_loss", "train_accuracy", "validation_loss")
    at_once = models.fit(spec(tmp_path), data(), seed=5, folder=tmp_path / "a")
    monkeypatch.setattr(Hardware, "looks_each_step", False)
    late = models.fit(spec(tmp_path), data(), seed=5, folder=tmp_path / "b")
    assert [[r[f] for f in figures] for r in late.history] == [[r[f] for f in figures] for r in at_once.history]
    for name, value in at_once.network.state_dict().items():
        assert torch.equal(value, late.network.state_dict()[name])


def test_a_late_look_names_the_same_step(tmp_path, monkeypatch):
    from pigeonhole.core.errors import TrainingError

    def complaint(folder):
        with pytest.raises(TrainingError) as caught:
            models.fit(spec(tmp_path, learning_rate=1e30), data(), seed=5, folder=tmp_path / folder)
        return caught.value.received

    at_once = complaint("a")
    monkeypatch.setattr(Hardware, "looks_each_step", False)
    assert complaint("b") == at_once
