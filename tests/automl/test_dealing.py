"""Samples and folds are stratified, depend on the seed alone, and keep groups together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigeonhole.automl.dealing import folds, sample

LABELS_N = np.random.default_rng(0).choice(5, 2_000, p=[0.5, 0.3, 0.1, 0.09, 0.01])


def test_a_sample_has_each_class_in_its_share():
    chosen = LABELS_N[sample(LABELS_N, 200, seed=1)]
    assert len(chosen) == 200
    assert np.abs(np.bincount(chosen) - np.bincount(LABELS_N) / 10).max() <= 1


def test_a_sample_has_each_class_at_least_once():
    assert set(LABELS_N[sample(LABELS_N, 5, seed=1)]) == set(range(5))


def test_a_smaller_sample_is_part_of_a_larger_one():
    assert set(sample(LABELS_N, 100, seed=3)) < set(sample(LABELS_N, 500, seed=3))
    assert set(sample(LABELS_N, 100, seed=3)) != set(sample(LABELS_N, 100, seed=4))


def test_all_images_are_all_images():
    assert sample(LABELS_N, 5_000, seed=0).tolist() == list(range(2_000))


@given(st.integers(2, 7), st.integers(0, 99))
def test_folds_are_stratified_and_of_one_size(count: int, seed: int):
    fold_N = folds(LABELS_N, count, seed)
    sizes = np.bincount(fold_N, minlength=count + 1)[1:]
    assert sizes.max() - sizes.min() <= 1
    for k in range(5):
        own = np.bincount(fold_N[np.equal(LABELS_N, k)], minlength=count + 1)[1:]
        assert own.max() - own.min() <= 1


@pytest.mark.parametrize("count", [2, 5])
def test_a_group_is_in_one_fold(count: int):
    groups_N = np.array([f"writer {n % 37}" if n % 3 else "" for n in range(2_000)])
    fold_N = folds(LABELS_N, count, 0, groups_N)
    for group in set(groups_N) - {""}:
        assert len(set(fold_N[groups_N == group])) == 1
    sizes = np.bincount(fold_N)[1:]
    assert sizes.min() > 0.8 * sizes.max()
