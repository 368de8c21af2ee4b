from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.data.splitting import TEST, TRAIN, UNDECIDED, VALIDATION, SplitOptions, assign, random_keys, stratified

LABELS = st.lists(st.integers(0, 4), min_size=12, max_size=300).map(np.array)


def free(n: int) -> np.ndarray:
    return np.full(n, UNDECIDED, np.uint8)


def test_the_shares_are_those_of_the_issue() -> None:
    labels = np.arange(70_000) % 10
    own = np.repeat([TRAIN, TEST], [60_000, 10_000]).astype(np.uint8)
    assert np.bincount(assign(own, labels, None, SplitOptions())).tolist() == [54_000, 6_000, 10_000]
    assert np.bincount(assign(free(5000), labels[:5000], None, SplitOptions())).tolist() == [4050, 450, 500]
    without = assign(free(5000), labels[:5000], None, SplitOptions(test=0))
    assert np.bincount(without).tolist() == [4500, 500]


@settings(max_examples=100, deadline=None)
@given(LABELS, st.floats(0.05, 0.6), st.integers(0, 2**40))
def test_every_class_is_held_out_in_proportion_and_keeps_an_image(labels, share, seed) -> None:
    chosen = stratified(labels, share, seed)
    assert len(set(chosen.tolist())) == len(chosen)
    counts, taken = np.bincount(labels, minlength=5), np.bincount(labels[chosen], minlength=5)
    present = counts > 0
    assert (counts - taken)[present].min() >= 1
    # Where a class with few images cannot give its part, others give at most one more than theirs.
    assert (np.abs(taken - counts * share)[present] <= 2).all()
    if counts[present].min() * (1 - share) > 2:
        assert len(chosen) == max(1, round(share * len(labels)))


def test_a_split_depends_on_the_seed_alone() -> None:
    labels = np.arange(300) % 3
    first, again = (assign(free(300), labels, None, SplitOptions(seed=5)) for _ in range(2))
    assert (first == again).all()
    assert (first != assign(free(300), labels, None, SplitOptions(seed=6))).any()


def test_a_split_is_the_same_in_every_release() -> None:
    # The published test vector of SplitMix64 for the seed 1234567.
    assert random_keys(3, 1234567).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    alone = assign(free(60), np.arange(60) % 3, None, SplitOptions(seed=0))
    assert np.flatnonzero(alone == TEST).tolist() == [15, 18, 19, 31, 35, 59]
    assert np.flatnonzero(alone == VALIDATION).tolist() == [10, 24, 26, 36, 37]
    groups = assign(free(60), np.arange(60) % 3, np.arange(60) // 4, SplitOptions(seed=0))
    assert np.flatnonzero(groups == TEST).tolist() == [40, 41, 42, 43]
    assert np.flatnonzero(groups == VALIDATION).tolist() == [44, 45, 46, 47]


def test_the_sources_own_test_split_is_kept_and_locked() -> None:
    own = free(40)
    own[30:] = TEST
    split = assign(own, np.arange(40) % 2, None, SplitOptions())
    assert (split[30:] == TEST).all()
    assert not (split[:30] == TEST).any()
    with pytest.raises(UsageError, match="its own test split of 10 images"):
        assign(own, np.arange(40) % 2, None, SplitOptions(test=0.2))


def test_the_sources_own_validation_split_is_kept() -> None:
    own = free(40)
    own[10:20] = VALIDATION
    split = assign(own, np.arange(40) % 2, None, SplitOptions())
    assert (np.flatnonzero(split == VALIDATION) == np.arange(10, 20)).all()
    assert (split == TEST).sum() == 3


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(3, 12), st.integers(0, 2**40))
def test_a_group_is_on_one_side(labels, count, seed) -> None:
    groups = random_keys(len(labels), seed).astype(np.int64) % count
    try:
        split = assign(free(len(labels)), labels, groups, SplitOptions(test=0.2, validation=0.2, seed=seed))
    except DataError:
        return
    for group in set(groups.tolist()):
        assert len(set(split[groups == group].tolist())) == 1


def test_groups_come_near_to_the_shares_of_every_class() -> None:
    labels = random_keys(20_000, 1).astype(np.int64) % 10
    groups = np.abs(random_keys(20_000, 2).astype(np.int64)) % 200
    split = assign(free(20_000), np.abs(labels), groups, SplitOptions())
    for side, share in ((TEST, 0.1), (VALIDATION, 0.09)):
        assert abs((split == side).mean() - share) < 0.01


def test_images_of_no_group_stand_alone() -> None:
    groups = np.repeat([-1, 7], [50, 50])
    split = assign(free(100), np.arange(100) % 2, groups, SplitOptions())
    assert len(set(split[50:].tolist())) == 1
    assert (split == TEST).sum() == 10


@pytest.mark.parametrize("groups", [None, np.zeros(3, np.int64)])
def test_too_little_to_hold_out_is_refused(groups) -> None:
    with pytest.raises(DataError, match="too few images"):
        assign(free(3), np.arange(3), groups, SplitOptions())


@pytest.mark.parametrize("share", [-0.1, 1.0, 7])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(UsageError, match="--test"):
        SplitOptions(test=share)
    with pytest.raises(UsageError, match="--validation"):
        SplitOptions(validation=share)
