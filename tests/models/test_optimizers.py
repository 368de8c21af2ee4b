"""Each optimizer against its formula in NumPy, and its memory across a save."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_networks import data, spec

from pigeonhole import models
from pigeonhole.core.errors import SpecError
from pigeonhole.models.networks.optimizers.making import make_optimizer, restore_state, set_learning_rate, state_tensors
from pigeonhole.models.networks.optimizers.muon import hidden_kernels, orthogonal
from pigeonhole.models.settings import Optimizer

STEPS = 4
DECAY = 0.01
SETTINGS = {
    "sgd": Optimizer(name="sgd", learning_rate=0.1, weight_decay=DECAY),
    "momentum": Optimizer(name="sgd", learning_rate=0.1, weight_decay=DECAY, momentum=0.8),
    "nesterov": Optimizer(name="sgd", learning_rate=0.1, weight_decay=DECAY, momentum=0.8, nesterov=True),
    "adam": Optimizer(name="adam", learning_rate=0.02, weight_decay=DECAY, beta_1=0.8),
    "adamw": Optimizer(name="adamw", learning_rate=0.02, weight_decay=DECAY, beta_2=0.99),
    "rmsprop": Optimizer(name="rmsprop", learning_rate=0.02, weight_decay=DECAY),
    "rmsprop-momentum": Optimizer(name="rmsprop", learning_rate=0.02, weight_decay=DECAY, momentum=0.7, rho=0.8),
    "muon": Optimizer(name="muon", learning_rate=0.02, weight_decay=DECAY, beta_1=0.8, momentum=0.9),
}


def network():
    """First kernel, two hidden ones (one of a convolution in channels-last memory), last kernel, biases."""
    torch.manual_seed(0)
    made = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.Conv2d(4, 6, 3), torch.nn.Flatten(), torch.nn.Linear(6 * 16, 5),
        torch.nn.Linear(5, 3),
    )  # fmt: skip
    return made.to(memory_format=torch.channels_last)


def gradients(model, step):
    random = np.random.default_rng(step)
    return [random.normal(size=parameter.shape) for parameter in model.parameters()]


def step(model, optimizer, number):
    for parameter, gradient in zip(model.parameters(), gradients(model, number), strict=True):
        kept = torch.from_numpy(gradient).to(torch.float32)
        parameter.grad = torch.empty_like(parameter).copy_(kept)
    optimizer.step()


def sgd(w, g, how, memory, step):
    memory["v"] = g if step == 1 else how.momentum * memory["v"] + g
    return w - how.learning_rate * (g + how.momentum * memory["v"] if how.nesterov else memory["v"])


def adam(w, g, how, memory, step):
    memory["m"] = how.beta_1 * memory.get("m", 0) + (1 - how.beta_1) * g
    memory["v"] = how.beta_2 * memory.get("v", 0) + (1 - how.beta_2) * g**2
    m, v = memory["m"] / (1 - how.beta_1**step), memory["v"] / (1 - how.beta_2**step)
    return w - how.learning_rate * m / (np.sqrt(v) + how.epsilon)


def rmsprop(w, g, how, memory, step):
    memory["v"] = how.rho * memory.get("v", 0) + (1 - how.rho) * g**2
    memory["m"] = how.momentum * memory.get("m", 0) + how.learning_rate * g / np.sqrt(memory["v"] + how.epsilon)
    return w - memory["m"]


def muon(w, g, how, memory, step):
    memory["m"] = how.momentum * memory.get("m", 0) + (1 - how.momentum) * g
    x = ((1 - how.momentum) * g + how.momentum * memory["m"]).reshape(len(w), -1)
    scale = 0.2 * np.sqrt(max(x.shape))
    x = x / np.linalg.norm(x)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return w - how.learning_rate * scale * x.reshape(w.shape)


@pytest.mark.parametrize("name", SETTINGS)
def test_steps_follow_the_formula_and_decay_spares_biases(name):
    how, model = SETTINGS[name], network()
    optimizer = make_optimizer(how, model)
    weights = [parameter.detach().numpy().astype(np.float64) for parameter in model.parameters()]
    memories = [{} for _ in weights]
    formula = {"sgd": sgd, "adam": adam, "adamw": adam, "rmsprop": rmsprop, "muon": adam}[how.name]
    hidden = {2, 4} if how.name == "muon" else set()
    for number in range(1, STEPS + 1):
        step(model, optimizer, number)
        for i, g in enumerate(gradients(model, number)):
            decay = DECAY if weights[i].ndim > 1 else 0
            if how.name in {"adamw", "muon"}:
                weights[i] = weights[i] * (1 - how.learning_rate * decay)
            else:
                g = g + decay * weights[i]
            weights[i] = (muon if i in hidden else formula)(weights[i], g, how, memories[i], number)
    for parameter, expected in zip(model.parameters(), weights, strict=True):
        assert np.allclose(parameter.detach().numpy(), expected, atol=2e-6, rtol=2e-5)


@pytest.mark.parametrize("name", SETTINGS)
def test_after_a_save_the_next_steps_are_the_same_to_the_bit(name):
    model = network()
    optimizer = make_optimizer(SETTINGS[name], model)
    for number in (1, 2):
        step(model, optimizer, number)
    copied = network()
    copied.load_state_dict(model.state_dict())
    fresh = make_optimizer(SETTINGS[name], copied)
    restore_state(fresh, {key: value.clone().contiguous() for key, value in state_tensors(optimizer).items()})
    for number in (3, 4):
        for each in (optimizer, fresh):
            set_learning_rate(each, 0.01 * number)
        step(model, optimizer, number)
        step(copied, fresh, number)
    for ours, theirs in zip(model.parameters(), copied.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_one_rate_is_set_for_all_that_muon_moves():
    model = network()
    optimizer = make_optimizer(SETTINGS["muon"], model)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    set_learning_rate(optimizer, 0.0)
    step(model, optimizer, 1)
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


def test_muon_moves_hidden_kernels_only():
    assert [tuple(kernel.shape) for kernel in hidden_kernels(network())] == [(6, 4, 3, 3), (5, 96)]
    depthwise = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(4, 4, 3, groups=4), torch.nn.Conv2d(4, 6, 1), torch.nn.Linear(6, 2)
    )
    assert [tuple(kernel.shape) for kernel in hidden_kernels(depthwise)] == [(6, 4, 1, 1)]


def test_muon_on_a_network_without_hidden_kernels_is_refused():
    with pytest.raises(SpecError, match="none of which it moves") as caught:
        make_optimizer(SETTINGS["muon"], torch.nn.Linear(4, 2))
    assert "adamw" in caught.value.remedy


@pytest.mark.parametrize("shape", [(5, 20), (20, 5), (8, 8), (1, 9)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_all_singular_values_of_a_muon_step_are_near_one(shape, kind):
    torch.manual_seed(1)
    singular = torch.linalg.svdvals(orthogonal(torch.randn(shape).to(kind)).float())
    assert singular.min() > 0.6
    assert singular.max() < 1.3


def test_a_weight_without_gradient_stays():
    for how in SETTINGS.values():
        model = network()
        optimizer = make_optimizer(how, model)
        step(model, optimizer, 1)
        before = [parameter.detach().clone() for parameter in model.parameters()]
        optimizer.zero_grad(set_to_none=True)
        optimizer.step()
        assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("name", ["rmsprop", "muon"])
def test_a_training_with_it_learns_and_resumes_exactly(tmp_path, name):
    made_of = spec(tmp_path, epochs=6, optimizer={"name": name, "learning_rate": 0.01})

    class Killed(models.Unwatched):
        def on_epoch(self, record):
            if record["epoch"] == 2:
                raise KeyboardInterrupt

    whole = models.fit(made_of, data(), seed=3, folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        models.fit(made_of, data(), seed=3, folder=tmp_path / "m", observer=Killed())
    resumed = models.fit(made_of, data(), seed=3, folder=tmp_path / "m")
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[key]), key
    assert max(record["validation_accuracy"] for record in whole.history) > 0.6


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"name": "adam", "momentum": 0.9}, "optimizer.momentum: not used by adam, which has learning_rate, weight"),
        ({"name": "sgd", "beta_1": 0.8}, "optimizer.beta_1: not used by sgd"),
        ({"name": "rmsprop", "nesterov": True}, "optimizer.nesterov: not used by rmsprop"),
        ({"rho": 0.8}, "optimizer.rho: not used by sgd"),
    ],
)
def test_a_setting_that_the_optimizer_ignores_is_refused(tmp_path, setting, message):
    with pytest.raises(SpecError) as caught:
        spec(tmp_path, optimizer=setting)
    assert message in caught.value.received


def test_another_optimizer_lays_aside_what_the_presets_own_had():
    made_of = models.resolve("cnn", {"optimizer": {"name": "adam"}})
    assert (made_of.training.optimizer.momentum, made_of.training.optimizer.nesterov) == (0.0, False)
    assert made_of.training.optimizer.weight_decay == 5e-4
    muon = models.resolve("cnn", {"optimizer": {"name": "muon", "momentum": 0.5}}).training.optimizer
    assert (muon.momentum, muon.nesterov) == (0.5, True)
    assert Optimizer(name="muon").momentum == 0.95
    assert Optimizer.model_validate(muon.model_dump(mode="json")) == muon
