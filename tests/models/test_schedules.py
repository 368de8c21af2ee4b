"""Schedules as pure functions, and `plateau` against what Keras' callback does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tiny_networks import data, spec

from pigeonhole import models
from pigeonhole.core.errors import SpecError
from pigeonhole.models.networks.training.schedules import check_schedule, damping, multiplier
from pigeonhole.models.settings import Schedule


def by_epoch(schedule, epochs, steps=5):
    """The rate of each epoch's last step."""
    return [multiplier(schedule, epoch * steps / (epochs * steps), epochs) for epoch in range(1, epochs + 1)]


def test_every_schedule_may_begin_with_a_line_up():
    for name, more in (("constant", {}), ("cosine", {}), ("step", {"every": 3}), ("plateau", {})):
        schedule = Schedule(name=name, warmup=0.4, **more)
        assert multiplier(schedule, 0.1, 10) == pytest.approx(0.25)
        assert multiplier(schedule, 0.3, 10) == pytest.approx(0.75)
    assert multiplier(Schedule(warmup=0.4), 0.7) == 1


def test_a_cosine_is_half_way_down_in_the_middle():
    schedule = Schedule(name="cosine", final=0.2)
    assert multiplier(schedule, 0.5) == pytest.approx(0.6)
    assert multiplier(schedule, 0.25) == pytest.approx(0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2)
    assert multiplier(schedule, 1.0) == pytest.approx(0.2)


def test_steps_come_after_the_epochs_they_name():
    assert by_epoch(Schedule(name="step", every=2, factor=0.5), 6) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert by_epoch(Schedule(name="step", milestones=(1, 4), factor=0.5), 6) == [1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert by_epoch(Schedule(name="step", every=1, factor=0.1, final=0.05), 4) == [1, 0.1, 0.05, 0.05]


@given(st.integers(1, 200), st.integers(1, 97))
def test_the_steps_of_an_epoch_have_one_rate(epochs, steps):
    schedule = Schedule(name="step", every=1, factor=0.5)
    for epoch in {1, epochs // 2 + 1, epochs}:
        first, last = (epoch - 1) * steps + 1, epoch * steps
        for step in (first, last):
            assert multiplier(schedule, step / (steps * epochs), epochs) == 0.5 ** (epoch - 1)


class KerasPlateau:
    """What `ReduceLROnPlateau` of Keras does at the end of each epoch, from its documentation."""

    def __init__(self, factor, patience, cooldown, min_delta, min_lr):
        self.factor, self.patience, self.cooldown = factor, patience, cooldown
        self.min_delta, self.min_lr = min_delta, min_lr
        self.best, self.wait, self.counter, self.rate = math.inf, 0, 0, 1.0

    def on_epoch_end(self, loss):
        if self.counter > 0:
            self.counter -= 1
            self.wait = 0
        if loss < self.best - self.min_delta:
            self.best, self.wait = loss, 0
        elif self.counter == 0:
            self.wait += 1
            if self.wait >= self.patience and self.rate > self.min_lr:
                self.rate = max(self.rate * self.factor, self.min_lr)
                self.counter, self.wait = self.cooldown, 0


@given(
    st.lists(st.sampled_from([0.2, 0.3, 0.31, 0.4, 0.5]), max_size=40),
    st.integers(1, 4), st.integers(0, 4), st.sampled_from([0.0, 0.05]), st.sampled_from([0.0, 0.2]),
)  # fmt: skip
def test_a_plateau_lowers_the_rate_as_keras_does(losses, patience, cooldown, min_delta, final):
    how = {"factor": 0.5, "patience": patience, "cooldown": cooldown, "min_delta": min_delta}
    schedule = Schedule(name="plateau", final=final, **how)
    keras = KerasPlateau(**how, min_lr=final)
    for epoch, loss in enumerate(losses, start=1):
        keras.on_epoch_end(loss)
        records = [{"validation_loss": loss} for loss in losses[:epoch]]
        assert damping(schedule, records) == pytest.approx(keras.rate)


def test_a_plateau_may_follow_accuracy():
    schedule = Schedule(name="plateau", monitor="validation_accuracy", patience=2, factor=0.5)
    records = [{"validation_accuracy": accuracy} for accuracy in (0.5, 0.9, 0.9, 0.8)]
    assert damping(schedule, records[:3]) == 1
    assert damping(schedule, records) == 0.5
    assert damping(Schedule(name="cosine"), records) == 1


def test_a_training_on_a_plateau_slows_down_and_resumes_at_that_rate(tmp_path):
    made_of = spec(
        tmp_path, epochs=6,
        schedule={"name": "plateau", "patience": 1, "factor": 0.5, "min_delta": 5.0},
    )  # fmt: skip
    assert made_of.training.schedule.warmup == 0.2, "the preset's own, where the new one has it too"

    class Killed(models.Unwatched):
        def on_epoch(self, record):
            if record["epoch"] == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.fit(made_of, data(), seed=2, folder=tmp_path / "m", observer=Killed())
    resumed = models.fit(made_of, data(), seed=2, folder=tmp_path / "m")
    rates = [record["learning_rate"] / 0.05 for record in resumed.history]
    assert rates[1:] == pytest.approx([1, 0.5, 0.25, 0.125, 0.0625])


def test_a_plateau_without_validation_is_refused(tmp_path):
    whole = data()
    unvalidated = models.TrainingData(whole.train_images_NHWC, whole.train_labels_N, None, None, whole.class_names)
    with pytest.raises(SpecError, match="no validation images"):
        models.fit(spec(tmp_path, schedule={"name": "plateau"}), unvalidated, seed=0, folder=tmp_path / "m")
    check_schedule(Schedule(name="cosine"), validated=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "step"}, "one of the two"),
        ({"name": "step", "every": 2, "milestones": (1, 2)}, "one of the two"),
        ({"name": "step", "milestones": (3, 3)}, "rising"),
        ({"name": "cosine", "patience": 3}, "not used by cosine, which has warmup, final"),
        ({"name": "constant", "final": 0.1}, "not used by constant"),
        ({"name": "plateau", "every": 2}, "not used by plateau"),
    ],
)
def test_a_schedule_with_what_it_cannot_use_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Schedule(**settings)
