"""What earlier releases wrote is read: files of theirs are kept under `assets/`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pigeonhole import models
from pigeonhole.core.errors import ConflictError
from pigeonhole.core.files import read_json
from pigeonhole.models.networks.checkpoints.checkpoint import read_tensors
from pigeonhole.testing.presets import sample

RELEASE = Path(__file__).parent / "assets" / "release-0.1"
CHECKPOINT = RELEASE / "unfinished" / "checkpoints" / "epoch-0002.safetensors"
DATA = sample(40, 8)


@pytest.fixture
def made_of():
    return models.ModelSpec.from_dict(read_json(RELEASE / "finished" / "model.json")["spec"])


def test_a_network_of_release_0_1_predicts_as_it_did():
    trained = models.load(RELEASE / "finished")
    probs = trained.probabilities(DATA.validation_images_NHWC)
    right = probs[np.arange(len(probs)), DATA.validation_labels_N]
    assert -np.log(right).mean() == pytest.approx(trained.history[-1]["validation_loss"], rel=1e-5)


def test_a_finished_training_of_release_0_1_is_not_done_twice(tmp_path, made_of):
    shutil.copytree(RELEASE / "finished", tmp_path / "m")
    trained = models.fit(made_of, DATA, seed=3, folder=tmp_path / "m")
    assert trained.history[-1]["seconds"] == read_json(RELEASE / "finished" / "model.json")["history"][-1]["seconds"]


def test_a_training_that_release_0_1_began_is_finished_and_cut_again(tmp_path, made_of):
    class Stop(models.Callback):
        def on_epoch_end(self, trainer, record):
            if record["epoch"] == 3:
                raise KeyboardInterrupt

    assert read_tensors(CHECKPOINT).state["format_version"] == 1
    shutil.copytree(RELEASE / "unfinished", tmp_path / "m")
    with pytest.raises(KeyboardInterrupt):
        models.fit(made_of, DATA, seed=3, folder=tmp_path / "m", callbacks=[Stop()])
    trained = models.fit(made_of, DATA, seed=3, folder=tmp_path / "m")
    assert [record["epoch"] for record in trained.history] == [1, 2, 3, 4]
    # Dropout draws other numbers in later releases, so it ends near where it would have ended, and not there.
    finished = models.load(RELEASE / "finished")
    assert trained.history[-1]["validation_loss"] == pytest.approx(finished.history[-1]["validation_loss"], rel=0.02)


def test_another_training_is_still_another(tmp_path, made_of):
    shutil.copytree(RELEASE / "unfinished", tmp_path / "m")
    with pytest.raises(ConflictError):
        models.fit(made_of, DATA, seed=4, folder=tmp_path / "m")


def test_a_checkpoint_of_release_0_1_can_be_started_from(tmp_path, made_of):
    trained = models.fit(made_of, DATA, seed=9, folder=tmp_path / "m", start_from=CHECKPOINT)
    assert [record.get("inherited", False) for record in trained.history] == [True, True, False, False]
