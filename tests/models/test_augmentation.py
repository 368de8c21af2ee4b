"""Each change does what its name says, to the amount that was asked for, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.models.networks.augmentation import augment, mix
from pigeonhole.models.networks.augmentation.elastic import fields
from pigeonhole.models.networks.training.objective import Objective, Targets
from pigeonhole.models.settings import AUGMENTATIONS, Augmentation

HERE = "pigeonhole.models.networks.augmentation"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6, channels=1, height=9, width=7):
    return torch.rand(n, channels, height, width, generator=generator(1))


class Fixed:
    """Stands in for torch in one module: `rand` gives the same number everywhere."""

    def __init__(self, value):
        self.value = value

    def rand(self, *shape, generator):
        return torch.full(shape, self.value)

    def __getattr__(self, name):
        return getattr(torch, name)


def always(monkeypatch, module, value):
    """Lets one concept draw `value` (of 0 to 1) for every image."""
    monkeypatch.setattr(f"{HERE}.{module}.torch", Fixed(value))


def test_the_greatest_turn_of_ninety_degrees_is_that_of_rot90(monkeypatch):
    always(monkeypatch, "affine", 1.0)
    x = images(height=8, width=8)
    assert torch.allclose(augment(x, Augmentation(rotate_degrees=90), generator()), x.rot90(1, (2, 3)), atol=1e-5)
    assert torch.allclose(augment(x, Augmentation(rotate_degrees=180), generator()), x.rot90(2, (2, 3)), atol=1e-5)


def test_a_shift_by_whole_pixels_moves_whole_pixels_and_repeats_the_border(monkeypatch):
    always(monkeypatch, "affine", 1.0)
    x = images(height=10, width=20)
    moved = augment(x, Augmentation(shift=0.1), generator())
    assert torch.allclose(moved[:, :, :-1, :-2], x[:, :, 1:, 2:], atol=1e-5)
    assert torch.allclose(moved[:, :, -1, :-2], x[:, :, -1, 2:], atol=1e-5)
    assert torch.allclose(moved[:, :, :-1, -1], x[:, :, 1:, -1], atol=1e-5)


def test_the_greatest_scale_shows_the_middle_at_that_size(monkeypatch):
    always(monkeypatch, "affine", 1.0)
    ramp = torch.arange(9.0).expand(2, 1, 9, 9).contiguous()
    grown = augment(ramp, Augmentation(scale=0.5), generator())
    assert torch.allclose(grown[0, 0, 0], 4 + (torch.arange(9.0) - 4) / 1.5, atol=1e-5)


def test_a_slant_moves_each_row_by_its_height_above_the_middle(monkeypatch):
    always(monkeypatch, "affine", 1.0)
    x = images(height=9, width=9)
    slanted = augment(x, Augmentation(shear_degrees=45), generator())
    assert torch.allclose(slanted[:, :, 4], x[:, :, 4], atol=1e-5)
    assert torch.allclose(slanted[:, :, 6, :-2], x[:, :, 6, 2:], atol=1e-5)
    assert torch.allclose(slanted[:, :, 3, 1:], x[:, :, 3, :-1], atol=1e-5)


def test_mirrored_images_are_mirrored_and_the_others_are_left():
    x = images(400)
    moved = augment(x, Augmentation(flip=0.25), generator())
    mirrored = torch.isclose(moved, x.flip(3), atol=1e-5).all(dim=(1, 2, 3))
    left = torch.isclose(moved, x, atol=1e-5).all(dim=(1, 2, 3))
    assert (mirrored ^ left).all()
    assert 60 < mirrored.sum() < 140


def test_a_crop_is_a_window_of_the_image_framed_by_its_mirror():
    x = images(300, channels=3, height=8, width=16)
    moved = augment(x, Augmentation(crop=0.125), generator())
    framed = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (2, 2)), mode="symmetric")
    found = torch.zeros(300, 3, 5)
    for down in range(3):
        for right in range(5):
            window = torch.from_numpy(framed[:, :, down : down + 8, right : right + 16])
            found[:, down, right] = torch.isclose(moved, window, atol=1e-5).all(dim=(1, 2, 3))
    assert (found.sum(dim=(1, 2)) == 1).all(), "each is exactly one of the windows"
    assert (found.sum(dim=0) > 0).all(), "and each window occurs"


def test_elastic_fields_have_unit_variance_and_are_smooth():
    waves_FP = fields(20, 30, 0.14)
    assert torch.allclose((waves_FP**2).sum(dim=0), torch.ones(600), atol=1e-5)
    assert len(waves_FP) < 60
    drawn = (torch.randn(200, len(waves_FP), generator=generator()) @ waves_FP).view(200, 20, 30)
    near = (drawn[:, :-4] * drawn[:, 4:]).mean() / (drawn**2).mean()
    # White noise smoothed with σ is alike at distance d by exp(-d² / 4σ²).
    assert near.item() == pytest.approx(np.exp(-((4 / 20 / 0.14) ** 2) / 4), abs=0.06)


def test_elastic_moves_pixels_by_the_deviation_asked_for():
    ramp = torch.arange(40.0).expand(300, 1, 40, 40).contiguous()
    moved = augment(ramp, Augmentation(elastic=0.05), generator())
    assert (moved - ramp)[:, :, :, 10:30].std().item() == pytest.approx(0.05 * 40, rel=0.15)


def test_an_erased_rectangle_is_one_inside_the_image_and_no_larger_than_asked():
    x = images(500, channels=3, height=20, width=10) + 1
    erased = augment(x, Augmentation(erase=0.5), generator())
    gone = erased == 0
    assert torch.equal(gone, gone[:, :1].expand_as(gone)), "all channels alike"
    rows, columns = gone[:, 0].any(dim=2), gone[:, 0].any(dim=1)
    assert torch.equal(gone[:, 0], rows[:, :, None] & columns[:, None, :]), "a rectangle"
    assert rows.sum(dim=1).max() <= 10
    assert columns.sum(dim=1).max() <= 5
    assert rows.sum(dim=1).max() >= 9
    assert gone.any(dim=0).all(), "every pixel is erased sometimes"
    assert torch.equal(erased[~gone], x[~gone])


def test_mixed_images_and_their_loss_are_of_the_same_two():
    x, labels = images(5), torch.tensor([0, 1, 2, 0, 1])
    mixed, share = mix(x, 0.4, generator())
    assert ((share >= 0.5) & (share <= 1)).all()
    for i in range(5):
        assert torch.allclose(mixed[i], share[i] * x[i] + (1 - share[i]) * x[i - 1], atol=1e-6)
    logits = torch.randn(5, 3, generator=generator())
    targets = torch.zeros(5, 3)
    for i in range(5):
        targets[i, labels[i]] += share[i]
        targets[i, labels[i - 1]] += 1 - share[i]
    soft = targets * 0.9 + 0.1 / 3
    expected = -(soft * logits.log_softmax(dim=1)).sum(dim=1).mean()
    minimised, recorded = Objective(0.1).losses(logits, Targets.mixed(labels, share))
    assert torch.allclose(minimised, expected)
    assert torch.allclose(recorded, expected)


def test_shares_follow_the_beta_distribution():
    _, share = mix(torch.zeros(20_000, 1, 1, 1), 0.3, generator())
    # Var(Beta(α, α)) = 1 / (4(2α + 1)), and folding at a half keeps the squared distance from it.
    assert ((share - 0.5) ** 2).mean().item() == pytest.approx(1 / (4 * 1.6), rel=0.03)


def test_without_mixing_the_loss_is_that_of_the_labels():
    x = images(5)
    mixed, share = mix(x, 0.0, generator())
    assert mixed is x
    assert share is None


@given(
    st.sampled_from([name for name in AUGMENTATIONS if name not in {"auto", "auto-strong", "none"}]),
    st.integers(1, 5),
    st.sampled_from([1, 3]),
    st.integers(3, 12),
    st.integers(3, 12),
    st.integers(0, 2**31),
)
@settings(max_examples=40, deadline=None)
def test_a_recipe_gives_finite_images_in_their_range_and_repeats(name, n, channels, height, width, seed):
    x = torch.rand(n, channels, height, width, generator=generator(seed))
    before = x.clone()
    how = Augmentation(**AUGMENTATIONS[name], **({"erase": 0.3} if name == "affine" else {}))
    first, second = augment(x, how, generator(seed)), augment(x, how, generator(seed))
    assert torch.equal(first, second)
    assert torch.equal(x, before), "the batch itself is not written to"
    assert first.shape == x.shape
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert first.isfinite().all()
    assert first.min() >= 0
    assert first.max() <= 1 + 1e-5


def test_an_image_at_rest_stays_as_it_is(monkeypatch):
    always(monkeypatch, "affine", 0.5)
    x = images(channels=3)
    how = Augmentation(rotate_degrees=40, scale=0.4, shift=0.4, shear_degrees=40)
    assert torch.allclose(augment(x, how, generator()), x, atol=1e-5)
