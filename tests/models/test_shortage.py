"""Memory that runs out: the batch goes through in parts, and the step stays the step of the whole batch."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import data

from pigeonhole import models
from pigeonhole.core.errors import BudgetError
from pigeonhole.models.networks.network import Network
from pigeonhole.models.networks.training.shortage import is_shortage, within_memory

# No batch normalisation, whose statistics are those of a part, and no dropout, which draws anew for each.
SPEC = """
type: network
summary: For tests.
layers:
  - conv2d: {filters: 4, kernel_size: 3, activation: relu}
  - flatten
  - dense: {units: $classes, activation: softmax}
training:
  epochs: 2
  batch_size: 30
  optimizer: {name: adam, learning_rate: 0.01}
  augment: {shift: 0.1}
  precision: fp32
"""


def fit(folder):
    (folder / "plain.yml").write_text(SPEC)
    return models.fit(models.resolve(str(folder / "plain.yml")), data(), seed=2, folder=folder / "m")


@pytest.fixture
def short(monkeypatch):
    """Makes memory run out for more than so many images at once; gives the sizes that went through."""
    sizes, forward = [], Network.forward

    def limit(most, error):
        def limited(network, x_NCHW):
            if len(x_NCHW) > most:
                raise error
            sizes.append(len(x_NCHW))
            return forward(network, x_NCHW)

        monkeypatch.setattr(Network, "forward", limited)
        return sizes

    return limit


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_the_batch_is_halved_and_its_gradient_is_not(tmp_path, short, error):
    (tmp_path / "whole").mkdir()
    undisturbed = fit(tmp_path / "whole")
    sizes = short(8, error)
    trained = fit(tmp_path)
    assert max(sizes) == 8
    for name, value in undisturbed.network.state_dict().items():
        assert torch.allclose(value, trained.network.state_dict()[name], atol=1e-5), name
    for ours, theirs in zip(trained.history, undisturbed.history, strict=True):
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-5)
        assert ours["train_accuracy"] == theirs["train_accuracy"]
    assert undisturbed.facts["accumulation"] == 1
    assert [record["accumulation"] for record in trained.history] == [4, 4]
    assert trained.facts["accumulation"] == 4
    assert trained.facts["batch_size"] == 30


def test_a_resumed_training_does_not_run_out_again(tmp_path, short):
    class Stop(models.Callback):
        def on_epoch_end(self, trainer, record):
            raise KeyboardInterrupt

    (tmp_path / "plain.yml").write_text(SPEC)
    made_of = models.resolve(str(tmp_path / "plain.yml"))
    sizes = short(8, MemoryError())
    with pytest.raises(KeyboardInterrupt):
        models.fit(made_of, data(), seed=2, folder=tmp_path / "m", callbacks=[Stop()])
    first = len(sizes)
    seen = []

    class Watch(models.Unwatched):
        def on_start(self, facts):
            seen.append(facts["accumulation"])

    models.fit(made_of, data(), seed=2, folder=tmp_path / "m", observer=Watch())
    assert seen == [4]
    assert len(sizes) == 2 * first


def test_one_image_that_does_not_fit_ends_the_run(tmp_path, short):
    short(0, MemoryError())
    with pytest.raises(BudgetError, match="single image"):
        fit(tmp_path)


def test_other_errors_are_not_taken_for_it():
    assert not is_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))

    def broken(at_once):
        raise RuntimeError("mat1 and mat2")

    with pytest.raises(RuntimeError, match="mat1"):
        within_memory(broken, 8)


def test_real_allocations_that_fail_are_recognised():
    def too_much(at_once):
        return torch.empty(1 << (58 if at_once > 2 else 3), dtype=torch.uint8)

    assert within_memory(too_much, 8)[1] == 2
