"""A training that is cut inside an epoch ends with the bits of one that was not."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import data, spec

from pigeonhole import models
from pigeonhole.models.checkpoints import CHECKPOINTS, UNFINISHED

FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate", "best")


class Cut(models.Callback):
    """Raises after a step of the whole training, as a killed process would stop there."""

    def __init__(self, at):
        self.at, self.steps = at, []

    def on_step_end(self, trainer):
        step = (trainer.state.epoch - 1) * trainer.plan.steps + trainer.state.step
        self.steps.append(step)
        if step == self.at:
            raise KeyboardInterrupt


class Noise(models.Callback):
    """Draws from the stream that dropout draws from, wherever no step is under way."""

    def on_train_begin(self, trainer):
        torch.rand(7)

    def on_epoch_end(self, trainer, record):
        torch.rand(7)


def fit(folder, made_of, *callbacks):
    return models.fit(made_of, data(), seed=5, folder=folder, callbacks=callbacks)


def cut(folder, made_of, at):
    with pytest.raises(KeyboardInterrupt):
        fit(folder, made_of, Cut(at))


def assert_same(trained, undisturbed):
    for name, value in undisturbed.network.state_dict().items():
        assert torch.equal(value, trained.network.state_dict()[name]), name
    for ours, theirs in zip(trained.history, undisturbed.history, strict=True):
        assert {name: ours[name] for name in FIGURES} == {name: theirs[name] for name in FIGURES}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": {"name": "adamw", "learning_rate": 0.01}, "augment": "photographs"},
        {"schedule": {"name": "plateau", "monitor": "validation_loss", "patience": 1, "factor": 0.5}},
        {"augment": {"mixup": 0.3, "shift": 0.1}, "class_weight": "balanced", "global_clipnorm": 0.5},
    ],
    ids=["momentum", "adamw", "plateau", "mixup"],
)
def test_an_epoch_that_was_cut_is_gone_on_with_at_its_step(tmp_path, settings):
    made_of = spec(tmp_path, checkpoint_every_s=0, **settings)
    undisturbed = fit(tmp_path / "whole", made_of)
    steps = undisturbed.facts["steps_per_epoch"]
    cut(tmp_path / "m", made_of, at=2)
    cut(tmp_path / "m", made_of, at=2 * steps + 3)
    watching = Cut(None)
    assert_same(fit(tmp_path / "m", made_of, watching, Noise()), undisturbed)
    # Callbacks come after the checkpoint of their step, so the step after it is the next.
    assert watching.steps[0] == 2 * steps + 4
    assert not (tmp_path / "m" / CHECKPOINTS / UNFINISHED).exists()


def test_the_facts_say_where_it_went_on(tmp_path):
    made_of = spec(tmp_path, checkpoint_every_s=0)
    cut(tmp_path / "m", made_of, at=3)
    facts = fit(tmp_path / "m", made_of).facts
    assert facts["resumed_after_epoch"] is None
    assert facts["resumed_after_step"] == 3


def test_a_short_epoch_is_not_saved_inside(tmp_path):
    for every_s in (60.0, None):
        made_of = spec(tmp_path, checkpoint_every_s=every_s)
        cut(tmp_path / f"{every_s}", made_of, at=3)
        assert not (tmp_path / f"{every_s}" / CHECKPOINTS).exists()


def test_a_checkpoint_inside_an_epoch_that_is_done_is_not_gone_back_to(tmp_path):
    made_of = spec(tmp_path, checkpoint_every_s=0)
    undisturbed = fit(tmp_path / "whole", made_of)
    folder = tmp_path / "m" / CHECKPOINTS
    cut(tmp_path / "m", made_of, at=2)
    outdated = (folder / UNFINISHED).read_bytes()
    cut(tmp_path / "m", made_of, at=undisturbed.facts["steps_per_epoch"] + 1)
    (folder / UNFINISHED).write_bytes(outdated)  # as if the process had died before it removed it
    assert_same(fit(tmp_path / "m", made_of), undisturbed)


def test_no_loss_that_is_not_finite_is_saved(tmp_path, monkeypatch):
    from pigeonhole.core.errors import TrainingError
    from pigeonhole.models.networks.hardware import Hardware

    monkeypatch.setattr(Hardware, "looks_each_step", False)
    with pytest.raises(TrainingError, match="the loss is nan at step"):
        fit(tmp_path / "m", spec(tmp_path, checkpoint_every_s=0, learning_rate=1e30))
    from pigeonhole.models.networks.checkpoints.checkpoint import newest

    saved = newest(tmp_path / "m")
    assert saved is None or all(torch.isfinite(value).all() for value in saved.groups["network"].values())
