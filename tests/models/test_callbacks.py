from __future__ import annotations

import pytest
from tiny_networks import data, spec

from pigeonhole import models
from pigeonhole.core.errors import UsageError
from pigeonhole.models.checkpoints import checkpoint_epochs


class Diary(models.Callback):
    """Writes down what it is called for."""

    def __init__(self, stop_after=None):
        self.lines, self.stop_after = [], stop_after

    def on_train_begin(self, trainer):
        self.lines.append("train")

    def on_epoch_begin(self, trainer):
        self.lines.append(f"epoch {trainer.state.epoch}")

    def on_step_end(self, trainer):
        self.lines.append(f"step {trainer.state.step}")

    def on_epoch_end(self, trainer, record):
        assert record is trainer.state.history[-1]
        self.lines.append(f"{record['epoch']} done")
        trainer.state.stop = record["epoch"] == self.stop_after

    def on_train_end(self, trainer):
        self.lines.append("end")


def test_each_is_called_in_its_turn(tmp_path):
    diary = Diary()
    made_of = spec(tmp_path, epochs=2, batch_size=45)
    models.fit(made_of, data(), seed=1, folder=tmp_path / "m", callbacks=[models.Callback(), diary])
    epoch = ["step 1", "step 2"]
    assert diary.lines == ["train", "epoch 1", *epoch, "1 done", "epoch 2", *epoch, "2 done", "end"]


def test_one_may_end_the_training_after_an_epoch(tmp_path):
    trained = models.fit(spec(tmp_path), data(), seed=1, folder=tmp_path / "m", callbacks=[Diary(stop_after=2)])
    assert len(trained.history) == 2
    assert trained.facts["stopped_early"]


def test_the_checkpoint_of_an_epoch_is_on_disk_before_anyone_is_told(tmp_path):
    seen = []

    class Look(models.Callback):
        def on_epoch_end(self, trainer, record):
            seen.append(checkpoint_epochs(tmp_path / "m"))

    models.fit(spec(tmp_path, epochs=2), data(), seed=1, folder=tmp_path / "m", callbacks=[Look()])
    assert seen == [[1], [1, 2]]


def test_an_estimator_takes_none(tmp_path):
    with pytest.raises(UsageError, match="callbacks"):
        models.fit(
            models.resolve("logistic-regression"), data(), seed=1, folder=tmp_path, callbacks=[models.Callback()]
        )
