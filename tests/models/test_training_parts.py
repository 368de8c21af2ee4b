from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pigeonhole.models.networks.augmentation import augment
from pigeonhole.models.networks.batches import Loader, Normalizer, Plan
from pigeonhole.models.networks.optimizers.making import make_optimizer, restore_state, state_tensors
from pigeonhole.models.networks.training.averaging import Average
from pigeonhole.models.networks.training.schedules import multiplier
from pigeonhole.models.networks.training.stopping import Stopping
from pigeonhole.models.settings import Augmentation, EarlyStopping, Optimizer, Schedule


@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 20))
def test_every_image_is_dealt_once_a_pass_in_nearly_equal_steps(n, batch_size, min_steps):
    plan = Plan.of(n, batch_size, min_steps)
    batches = list(plan.deal(seed=1, epoch=2))
    assert len(batches) == plan.steps
    assert plan.steps >= min(min_steps, plan.steps)
    assert (np.bincount(np.concatenate(batches), minlength=n) == plan.passes).all()
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    if min_steps > 1:
        assert plan.steps >= min_steps


def test_the_order_depends_on_seed_and_epoch_only():
    plan = Plan.of(100, 10, 1)

    def order(seed, epoch):
        return np.concatenate(list(plan.deal(seed, epoch))).tolist()

    assert order(1, 1) == order(1, 1)
    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)


def test_a_cycle_goes_up_to_one_and_down_to_its_end():
    cycle = Schedule(name="one-cycle", warmup=0.25, final=0.1)
    assert multiplier(cycle, 0.125) == pytest.approx(0.5)
    assert multiplier(cycle, 0.25) == pytest.approx(1)
    assert multiplier(cycle, 0.625) == pytest.approx(0.55)
    assert multiplier(cycle, 1.0) == pytest.approx(0.1)
    assert multiplier(Schedule(name="linear"), 0.25) == pytest.approx(0.75)
    assert multiplier(Schedule(), 0.9) == 1


@given(st.sampled_from(["one-cycle", "linear", "cosine"]), st.floats(0, 0.99), st.floats(0, 1), st.floats(0, 1))
def test_no_schedule_leaves_the_range(name, warmup, final, done):
    assert 0 <= multiplier(Schedule(name=name, warmup=warmup, final=final), done) <= 1 + 1e-12


def generator():
    return torch.Generator().manual_seed(0)


def test_no_augmentation_changes_nothing():
    x = torch.rand(3, 1, 8, 8)
    assert augment(x, Augmentation(), generator()) is x


def test_augmentation_takes_no_colour_for_the_background():
    x = torch.full((5, 3, 9, 7), -0.7)
    moved = augment(x, Augmentation(rotate_degrees=30, scale=0.3, shift=0.3, shear_degrees=20), generator())
    assert torch.allclose(moved, x)


def test_augmentation_moves_every_image_by_its_own_amount_and_no_further_than_asked():
    x = torch.zeros(200, 1, 21, 21)
    x[:, :, 10, 10] = 1
    moved = augment(x, Augmentation(shift=0.1), generator())
    weights = moved / moved.sum(dim=(2, 3), keepdim=True)
    places = (weights.sum(dim=2) * torch.arange(21.0)).sum(dim=2).flatten() - 10
    assert places.abs().max() <= 2.1 + 1e-4
    assert places.abs().max() > 1.5
    assert places.unique().numel() > 100


def test_a_turned_oblong_image_is_not_squeezed():
    # A ring stays a ring under rotation only if the two axes are measured with the same ruler.
    rows, columns = torch.meshgrid(torch.arange(31.0) - 15, torch.arange(61.0) - 30, indexing="ij")
    ring = ((rows**2 + columns**2).sqrt() - 10).abs().lt(1.5).float().expand(20, 1, 31, 61)
    moved = augment(ring.contiguous(), Augmentation(rotate_degrees=90), generator())
    assert (moved - ring).abs().mean() < 0.02


def test_normalized_training_images_have_mean_zero_and_deviation_one():
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 6, 3), np.uint8)
    x = Loader(images, Normalizer.of(images), "cpu").take(slice(None))
    assert x.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert torch.allclose(x.std(dim=(0, 2, 3), unbiased=False), torch.ones(3), atol=1e-5)


def test_an_average_without_decay_is_the_network_itself():
    network = torch.nn.Linear(2, 2)
    average = Average(network, 0.0)
    average.update(1)
    assert torch.equal(average.weights(network)["weight"], network.weight)


def test_an_average_lags_behind_the_weights():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    average = Average(network, 0.9)
    torch.nn.init.ones_(network.weight)
    average.update(1_000)
    assert average.tensors["weight"].item() == pytest.approx(0.1)


def records(*pairs):
    return [
        {"epoch": i, "validation_accuracy": accuracy, "validation_loss": loss}
        for i, (accuracy, loss) in enumerate(pairs, start=1)
    ]


def test_of_equal_accuracies_the_lower_loss_is_the_best():
    stopping = Stopping(EarlyStopping(patience=2), records((0.9, 0.3), (0.9, 0.2), (0.9, 0.2), (0.8, 0.1)))
    assert stopping.best_epoch == 2
    assert stopping.is_due


def test_the_loss_may_decide_and_patience_zero_never_stops():
    stopping = Stopping(EarlyStopping(monitor="validation_loss"), records((0.9, 0.3), (0.8, 0.2), *[(0.8, 0.4)] * 50))
    assert stopping.best_epoch == 2
    assert not stopping.is_due


def test_without_validation_the_last_epoch_is_the_best():
    stopping = Stopping(EarlyStopping(patience=1), records((None, None), (None, None)))
    assert stopping.best_epoch == 2
    assert not stopping.is_due


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_an_optimizers_memory_survives_saving(name):
    def step(network, optimizer):
        optimizer.zero_grad()
        network(torch.ones(2, 1, 4, 4)).square().sum().backward()
        optimizer.step()

    def make():
        torch.manual_seed(0)
        network = torch.nn.Conv2d(1, 3, 3).to(memory_format=torch.channels_last)
        how = Optimizer(name=name, learning_rate=0.01, momentum=0.9 if name == "sgd" else 0, weight_decay=0.01)
        return network, make_optimizer(how, network)

    network, optimizer = make()
    step(network, optimizer)
    copied, fresh = make()
    copied.load_state_dict(network.state_dict())
    restore_state(fresh, {key: value.clone().contiguous() for key, value in state_tensors(optimizer).items()})
    step(network, optimizer)
    step(copied, fresh)
    assert torch.equal(network.weight, copied.weight)


def test_weight_decay_spares_biases():
    network = torch.nn.Linear(2, 2)
    groups = make_optimizer(Optimizer(name="sgd", weight_decay=0.1), network).param_groups
    assert {tuple(p.shape): group["weight_decay"] for group in groups for p in group["params"]} == {
        (2, 2): 0.1,
        (2,): 0.0,
    }
