from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import data, spec

from pigeonhole import models
from pigeonhole.models import selection
from pigeonhole.models.selection import Selection

IMAGES = np.arange(10 * 4, dtype=np.uint8).reshape(10, 2, 2, 1)


def test_consecutive_rows_are_a_view():
    assert models.select(IMAGES, np.arange(3, 7)).base is not None
    assert np.array_equal(models.select(IMAGES, np.arange(3, 7)), IMAGES[3:7])


def test_a_few_rows_are_gathered_and_many_are_not(monkeypatch):
    rows = np.array([0, 2, 5])
    assert isinstance(models.select(IMAGES, rows), np.ndarray)
    monkeypatch.setattr(selection, "GATHERED_BYTES", 11)
    assert isinstance(models.select(IMAGES, rows), Selection)
    assert np.array_equal(np.asarray(models.select(IMAGES, rows)), IMAGES[rows])


def test_a_selection_has_the_manners_of_its_rows():
    rows = np.array([1, 4, 9])
    chosen = Selection(IMAGES, rows)
    assert (len(chosen), chosen.shape, chosen.dtype, chosen.nbytes) == (3, (3, 2, 2, 1), np.uint8, 12)
    assert np.array_equal(chosen[1:], IMAGES[rows][1:])
    assert np.array_equal(chosen[np.array([2, 0])], IMAGES[rows][[2, 0]])


def test_it_trains_as_its_rows_do(tmp_path):
    images = data()
    rows = np.flatnonzero(np.arange(len(images.train_labels_N)) % 3)
    labels = images.train_labels_N[rows]

    def fit(folder, chosen):
        part = dataclasses.replace(images, train_images_NHWC=chosen, train_labels_N=labels)
        return models.fit(spec(tmp_path), part, seed=5, folder=tmp_path / folder)

    gathered = fit("a", images.train_images_NHWC[rows])
    selected = fit("b", Selection(images.train_images_NHWC, rows))
    for name, value in gathered.network.state_dict().items():
        assert torch.equal(value, selected.network.state_dict()[name])


def anonymous_bytes():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="anonymous memory is read from Linux' /proc")
def test_a_large_file_is_never_whole_in_memory(tmp_path):
    class Look(models.Callback):
        def on_step_end(self, trainer):
            if trainer.state.step == 10:
                raise KeyboardInterrupt

    # A file that is one hole: it costs neither disk nor the time to write it.
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (40_000, 80, 80, 1))
    rows = np.flatnonzero(np.arange(len(images)) % 5)
    part = models.TrainingData(Selection(images, rows), rows % 3, None, None, ("a", "b", "c"))
    before = anonymous_bytes()
    with pytest.raises(KeyboardInterrupt):
        models.fit(spec(tmp_path), part, seed=1, folder=tmp_path / "m", callbacks=[Look()])
    assert anonymous_bytes() - before < images.nbytes / 4
