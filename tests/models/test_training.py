from __future__ import annotations

import resource

import numpy as np
import pytest
import torch
from tiny_networks import data, spec

from pigeonhole import models
from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, SpecError, TrainingError, UsageError


class Watcher:
    """Keeps what it was told; may raise after an epoch, as a killed process would stop there."""

    def __init__(self, stop_after=None):
        self.facts, self.records, self.stop_after = {}, [], stop_after

    def on_start(self, facts):
        self.facts = facts

    def on_epoch(self, record):
        self.records.append(record)
        if record["epoch"] == self.stop_after:
            raise KeyboardInterrupt


def fit(folder, made_of, stop_after=None, seed=5, images=None, **arguments):
    watcher = Watcher(stop_after)
    trained = models.fit(made_of, images or data(), seed=seed, folder=folder, observer=watcher, **arguments)
    return trained, watcher


def same_weights(a, b):
    ours, theirs = a.network.state_dict(), b.network.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture
def whole(tmp_path):
    """A training that nobody disturbed."""
    return fit(tmp_path / "whole", spec(tmp_path))[0]


def test_it_learns_and_keeps_the_best_epoch(tmp_path):
    trained, watcher = fit(tmp_path / "m", spec(tmp_path, epochs=12))
    best = max(watcher.records, key=lambda record: (record["validation_accuracy"], -record["validation_loss"]))
    assert best["validation_accuracy"] > 0.8
    assert trained.facts["best_epoch"] == best["epoch"]
    assert [record["epoch"] for record in watcher.records if record["best"]][-1] == best["epoch"]
    images = data()
    accuracy = (
        trained.probabilities(images.validation_images_NHWC).argmax(axis=1) == images.validation_labels_N
    ).mean()
    assert accuracy == pytest.approx(best["validation_accuracy"], abs=0.04)  # bf16 there, fp32 here


def test_seeds_differ_and_repeat(tmp_path, whole):
    made_of = spec(tmp_path)
    assert same_weights(whole, fit(tmp_path / "again", made_of)[0])
    assert not same_weights(whole, fit(tmp_path / "other", made_of, seed=6)[0])


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, optimizer):
    made_of = spec(tmp_path, optimizer={"name": optimizer, "learning_rate": 0.01})
    undisturbed, _ = fit(tmp_path / "whole", made_of)
    for epoch in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "m", made_of, stop_after=epoch)
    trained, watcher = fit(tmp_path / "m", made_of)
    assert same_weights(trained, undisturbed)
    assert watcher.facts["resumed_after_epoch"] == 3
    assert [record["epoch"] for record in watcher.facts["history"]] == [1, 2, 3]
    assert [record["epoch"] for record in trained.history] == [1, 2, 3, 4]


def test_a_finished_training_is_not_done_twice(tmp_path, whole):
    trained, watcher = fit(tmp_path / "whole", spec(tmp_path))
    assert same_weights(trained, whole)
    assert watcher.records == []
    assert same_weights(models.load(tmp_path / "whole"), whole)


def test_a_loaded_network_gives_the_same_probabilities(tmp_path, whole):
    loaded = models.load(tmp_path / "whole")
    images = data().train_images_NHWC
    assert np.array_equal(loaded.probabilities(images), whole.probabilities(images))
    assert loaded.facts == whole.facts
    assert loaded.spec == whole.spec


@pytest.mark.parametrize("change", ["seed", "settings", "images"])
def test_a_folder_belongs_to_one_training(tmp_path, whole, change):
    with pytest.raises(ConflictError, match="other settings, seed or images"):
        fit(
            tmp_path / "whole",
            spec(tmp_path, **({"epochs": 9} if change == "settings" else {})),
            seed=6 if change == "seed" else 5,
            images=data(124) if change == "images" else None,
        )


def test_going_on_from_anothers_checkpoint_with_its_settings_repeats_it(tmp_path, whole):
    start = models.checkpoint_path(tmp_path / "whole", 2)
    trained, watcher = fit(tmp_path / "m", spec(tmp_path), start_from=start)
    assert [record["epoch"] for record in watcher.records] == [3, 4]
    assert [record.get("inherited", False) for record in trained.history] == [True, True, False, False]
    assert trained.facts["epochs_run"] == 2
    last = models.checkpoint_path(tmp_path / "m").read_bytes(), models.checkpoint_path(tmp_path / "whole").read_bytes()
    assert _tensors(last[0]) == _tensors(last[1])


def _tensors(content):
    """The bytes behind a safetensors header."""
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_going_on_with_other_settings_and_being_interrupted(tmp_path, whole):
    made_of = spec(tmp_path, epochs=6, optimizer={"name": "adamw"}, ema_decay=0.0)
    start = models.checkpoint_path(tmp_path / "whole")
    undisturbed, _ = fit(tmp_path / "a", made_of, start_from=start)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "b", made_of, start_from=start, stop_after=5)
    assert same_weights(undisturbed, fit(tmp_path / "b", made_of, start_from=start)[0])


def test_a_checkpoint_that_leaves_no_epoch_to_train_is_refused(tmp_path, whole):
    with pytest.raises(SpecError, match="saved after epoch 4"):
        fit(tmp_path / "m", spec(tmp_path), start_from=models.checkpoint_path(tmp_path / "whole"))


def test_a_checkpoint_of_another_network_is_refused(tmp_path, whole):
    made_of = models.resolve("cnn", {"epochs": 9})
    with pytest.raises(SpecError, match="the checkpoint's"):
        fit(tmp_path / "m", made_of, start_from=models.checkpoint_path(tmp_path / "whole"))


def test_an_absent_checkpoint_names_those_that_exist(tmp_path, whole):
    with pytest.raises(NotFoundError, match="epoch 1, 2, 3, 4"):
        models.checkpoint_path(tmp_path / "whole", 7)
    with pytest.raises(NotFoundError):
        models.checkpoint_path(tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(TrainingError) as caught:
        fit(tmp_path / "m", spec(tmp_path, learning_rate=1e30))
    for part in ("step", "epoch 1 of 4", "learning rate", "gradient norm"):
        assert part in caught.value.received


def test_a_checkpoint_that_cannot_be_written_stops_the_run(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "checkpoints").write_text("in the way")
    with pytest.raises(TrainingError, match="cannot be written"):
        fit(tmp_path / "m", spec(tmp_path))


def test_a_full_disk_stops_the_run_and_it_goes_on_later(tmp_path, whole):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DataError, match="the disk filled up"):
            fit(tmp_path / "m", spec(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "m" / "checkpoints").iterdir()) == []
    assert same_weights(fit(tmp_path / "m", spec(tmp_path))[0], whole)


def test_old_checkpoints_go_if_asked_and_the_best_stays(tmp_path):
    trained, _ = fit(tmp_path / "m", spec(tmp_path, epochs=8, keep_checkpoints=1))
    kept = {path.name for path in (tmp_path / "m" / "checkpoints").iterdir()}
    assert kept == {"epoch-0008.safetensors", f"epoch-{trained.facts['best_epoch']:04d}.safetensors"}


def test_patience_ends_a_training_that_gets_no_better(tmp_path):
    trained, watcher = fit(tmp_path / "m", spec(tmp_path, epochs=100, early_stopping={"patience": 2}))
    assert trained.facts["stopped_early"]
    assert len(watcher.records) == trained.facts["best_epoch"] + 2 < 100


def test_a_damaged_checkpoint_is_named(tmp_path, whole):
    path = models.checkpoint_path(tmp_path / "whole")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=path.name):
        fit(tmp_path / "m", spec(tmp_path, epochs=9), start_from=path)


def test_the_callers_torch_is_left_as_it_was(tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(3)
    threads = torch.get_num_threads()
    torch.manual_seed(1)
    fit(tmp_path / "m", spec(tmp_path))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_the_threads_of_the_first_half_are_those_of_the_second(tmp_path):
    torch.set_num_threads(2)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "m", spec(tmp_path), stop_after=1)
    torch.set_num_threads(1)
    _, watcher = fit(tmp_path / "m", spec(tmp_path))
    assert watcher.facts["threads"] == 2
    assert torch.get_num_threads() == 1


def test_a_memory_map_trains_as_an_array_does(tmp_path, whole):
    images = data()
    np.save(tmp_path / "images.npy", images.train_images_NHWC)
    mapped = models.TrainingData(
        np.load(tmp_path / "images.npy", mmap_mode="r"),
        images.train_labels_N,
        images.validation_images_NHWC,
        images.validation_labels_N,
        images.class_names,
    )
    assert same_weights(fit(tmp_path / "m", spec(tmp_path), images=mapped)[0], whole)


def test_fp32_on_request(tmp_path):
    trained, _ = fit(tmp_path / "m", spec(tmp_path, precision="fp32"))
    assert trained.facts["dtype"] == "fp32"


def test_an_estimator_has_no_checkpoint_to_start_from(tmp_path):
    with pytest.raises(UsageError, match="logistic-regression"):
        fit(tmp_path / "m", models.resolve("logistic-regression"), start_from=tmp_path / "x")


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(NotFoundError, match="no finished network"):
        models.load(tmp_path)
