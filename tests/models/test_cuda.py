"""What only a CUDA device can show."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import data, spec

from pigeonhole import models
from pigeonhole.models.networks.batches import Loader, Normalizer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


class NoWaiting(models.Callback):
    """Makes torch raise where the host waits for the device inside an epoch."""

    def on_epoch_begin(self, trainer):
        torch.cuda.set_sync_debug_mode("error")

    def on_step_end(self, trainer):
        last = trainer.state.step == trainer.plan.steps
        torch.cuda.set_sync_debug_mode("default" if last else "error")


@pytest.fixture(autouse=True)
def waiting_allowed_afterwards():
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("settings", [{}, {"global_clipnorm": 1.0, "class_weight": "balanced"}])
def test_the_host_never_waits_inside_an_epoch(tmp_path, settings):
    trained = models.fit(spec(tmp_path, **settings), data(), seed=5, folder=tmp_path / "m", callbacks=[NoWaiting()])
    assert trained.facts["device"] == "cuda"
    assert trained.facts["images_in"] == "device memory"


def test_images_that_leave_no_room_are_streamed(monkeypatch):
    images = data().train_images_NHWC
    normalizer = Normalizer.of(images)
    resident = Loader(images, normalizer, "cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (images.nbytes, images.nbytes))
    streamed = Loader(images, normalizer, "cuda")
    assert (resident.is_resident, streamed.is_resident) == (True, False)
    rows = torch.randperm(len(images)).numpy()
    assert torch.equal(resident.take(rows), streamed.take(rows))


def test_the_same_seed_gives_the_same_bits(tmp_path):
    first, second = (models.fit(spec(tmp_path), data(), seed=5, folder=tmp_path / name) for name in "ab")
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name


def test_an_epoch_that_was_cut_is_gone_on_with(tmp_path):
    class Cut(models.Callback):
        def on_step_end(self, trainer):
            if trainer.state.step == 3:
                raise KeyboardInterrupt

    made_of = spec(tmp_path, checkpoint_every_s=0)
    undisturbed = models.fit(made_of, data(), seed=5, folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        models.fit(made_of, data(), seed=5, folder=tmp_path / "m", callbacks=[Cut()])
    resumed = models.fit(made_of, data(), seed=5, folder=tmp_path / "m")
    for name, value in undisturbed.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
