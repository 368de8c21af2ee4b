"""Who trains, validates and tests: stratified by class, decided by a seed, groups kept on one side. Pure functions.

Axes: N images, K classes, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.core.seeds import derive
from pigeonhole.data.reading import SPLITS

TRAIN, VALIDATION, TEST = range(len(SPLITS))
UNDECIDED = 255
DEFAULT_TEST = 0.1


@dataclass(frozen=True)
class SplitOptions:
    """What the user wants.

    Args:
        test: the share of all images for test; `None` keeps the source's own test split, or takes 0.1.
        validation: the share of what is not test.
        seed: decides who goes where.

    Raises:
        UsageError: a share out of range.
    """

    test: float | None = None
    validation: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, share in (("test", self.test or 0.0), ("validation", self.validation)):
            if not 0 <= share < 1:
                raise UsageError(f"--{name} {share}", "a share from 0 to below 1", f"correct --{name}")


def assign(
    own_N: NDArray[np.uint8],
    labels_N: NDArray[np.int64],
    groups_N: NDArray[np.int64] | None,
    options: SplitOptions,
) -> NDArray[np.uint8]:
    """The split of each image as its place in `SPLITS`. The source's own test and validation images stay what they are.

    Without groups the counts are exact: `round(share * n)`, shared among the classes by largest remainder, and every
    class keeps an image to train with. With groups they are as near as whole groups allow.

    Args:
        own_N: the source's own split of each image, or `UNDECIDED`.
        labels_N: the class of each image.
        groups_N: the group of each image as a number; a negative one is an image of no group.
        options: the shares and the seed.

    Raises:
        UsageError: a test share is asked of a source with its own test split.
        DataError: there are too few images, or too few groups, to hold any out.
    """
    split_N = own_N.copy()
    has_test = bool((own_N == TEST).any())
    if has_test and options.test is not None:
        raise UsageError(
            f"--test {options.test:g}, and the source has its own test split of {int((own_N == TEST).sum()):,} images",
            "the source's own test split",
            "leave out --test",
        )
    if not has_test:
        _hold_out(split_N, TEST, DEFAULT_TEST if options.test is None else options.test, labels_N, groups_N, options)
    if not (own_N == VALIDATION).any():
        _hold_out(split_N, VALIDATION, options.validation, labels_N, groups_N, options)
    split_N[split_N == UNDECIDED] = TRAIN
    return split_N


def _hold_out(
    split_N: NDArray[np.uint8],
    side: int,
    share: float,
    labels_N: NDArray[np.int64],
    groups_N: NDArray[np.int64] | None,
    options: SplitOptions,
) -> None:
    """Moves a share of the images that may still go anywhere to one side."""
    rows = np.flatnonzero((split_N == UNDECIDED) | (split_N == TRAIN))
    if share == 0:
        return
    seed = derive(options.seed, "split", SPLITS[side])
    if groups_N is None:
        chosen = stratified(labels_N[rows], share, seed)
    else:
        chosen = grouped(labels_N[rows], groups_N[rows], share, seed)
    if chosen.size == 0:
        kind = "images" if groups_N is None else "images and groups"
        raise DataError(
            f"too few {kind} to hold {share:.0%} out as {SPLITS[side]} split: {rows.size:,} images",
            "a second image of some class" if groups_N is None else "several groups, none of them nearly everything",
            f"add images, or turn the split off with --{SPLITS[side]} 0",
        )
    split_N[rows[chosen]] = side


def stratified(labels_N: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """The places of `max(1, round(share * N))` images, each class in proportion; fewer if classes would run empty."""
    counts_K = np.bincount(labels_N)
    take_K = _shared_out(max(1, round(share * labels_N.size)), counts_K, counts_K - (counts_K > 0))
    order = np.argsort(random_keys(labels_N.size, seed), kind="stable")
    by_class = order[np.argsort(labels_N[order], kind="stable")]
    starts_K = np.cumsum(counts_K) - counts_K
    chosen = [by_class[start : start + take] for start, take in zip(starts_K, take_K, strict=True)]
    return np.sort(np.concatenate(chosen))


def _shared_out(total: int, counts_K: NDArray[np.int64], most_K: NDArray[np.int64]) -> NDArray[np.int64]:
    """`total` shared among classes in proportion to their counts, largest remainder first, at most `most_K` each."""
    quota_K = total * counts_K / counts_K.sum()
    take_K: NDArray[np.int64] = np.minimum(np.floor(quota_K).astype(np.int64), most_K)
    for place in np.argsort(take_K - quota_K, kind="stable").tolist():
        if take_K.sum() < total and take_K[place] < most_K[place]:
            take_K[place] += 1
    return take_K


def grouped(labels_N: NDArray[np.int64], groups_N: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """The places of the images of whole groups that together come near to `share` of every class.

    In an order that the seed decides, a group is taken if that brings the class counts nearer to the target. (Taking
    the largest first, as scikit-learn's StratifiedGroupKFold does, would validate with the busiest writers only.)
    Images of no group count as a group each.
    """
    alone_N = groups_N < 0
    numbered_N = np.where(alone_N, groups_N.max(initial=0) + 1 + np.arange(groups_N.size), groups_N)
    _, group_N = np.unique(numbered_N, return_inverse=True)
    counts_GK = np.zeros((int(group_N.max()) + 1, int(labels_N.max()) + 1))
    np.add.at(counts_GK, (group_N, labels_N), 1)
    left_K = counts_GK.sum(axis=0) * share
    taken_G = np.zeros(len(counts_GK), dtype=bool)
    for group in np.argsort(random_keys(len(counts_GK), seed), kind="stable").tolist():
        after_K = left_K - counts_GK[group]
        if after_K @ after_K < left_K @ left_K:
            left_K, taken_G[group] = after_K, True
    return np.flatnonzero(taken_G[group_N])


def random_keys(n: int, seed: int) -> NDArray[np.uint64]:
    """A pseudo-random 64-bit key for each of 0 … n-1: SplitMix64 (Steele, Lea and Flood, 2014).

    NumPy may change its own streams from release to release; a split must never change.
    """
    z = np.uint64(seed & 0xFFFFFFFFFFFFFFFF) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
