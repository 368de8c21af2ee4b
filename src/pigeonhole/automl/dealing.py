"""Which images a fit learns from and is scored on: stratified samples and folds, from the seed alone.

Axes: N images.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pigeonhole.core.seeds import derive

Rows = npt.NDArray[np.int64]


def sample(labels_N: npt.NDArray[np.int64], images: int, seed: int) -> Rows:
    """So many places among the labels, ascending, each class with its share and one at least. A smaller one is part
    of a larger.

    Args:
        labels_N: the class of each image.
        images: how many; all where there are no more.
        seed: of the search.
    """
    if images >= len(labels_N):
        return np.arange(len(labels_N))
    rank_N = np.empty(len(labels_N))
    for k in np.unique(labels_N):
        places = np.flatnonzero(labels_N == k)
        order = np.random.default_rng(derive(seed, "sample", int(k))).permutation(len(places))
        # The first of each class comes before all others, then each class in even steps.
        rank_N[places[order]] = np.arange(len(places)) / len(places)
    return np.sort(np.argsort(rank_N, kind="stable")[:images])


def folds(labels_N: npt.NDArray[np.int64], count: int, seed: int, groups_N: npt.NDArray[np.str_] | None = None) -> Rows:
    """The fold of each image, from 1: stratified; where there are groups, a group is never torn apart.

    Args:
        labels_N: the class of each image.
        count: how many folds.
        seed: of the search.
        groups_N: the group of each image, such as its writer; an empty text for none.
    """
    if groups_N is not None and (groups_N != "").any():
        return _by_group(groups_N, count, seed)
    fold_N = np.empty(len(labels_N), np.int64)
    dealt = 0
    for k in np.unique(labels_N):
        places = np.random.default_rng(derive(seed, "folds", int(k))).permutation(np.flatnonzero(labels_N == k))
        # Each class goes on where the one before ended, so that small classes do not all fill the first folds.
        fold_N[places] = (np.arange(dealt, dealt + len(places)) % count) + 1
        dealt += len(places)
    return fold_N


def _by_group(groups_N: npt.NDArray[np.str_], count: int, seed: int) -> Rows:
    """Groups in random order, the largest first among equals of size, each into the fold that has least."""
    alone_N = np.where(groups_N == "", np.char.add("\0", np.arange(len(groups_N)).astype(np.str_)), groups_N)
    _, group_N, sizes = np.unique(alone_N, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(derive(seed, "folds")).permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    filled = np.zeros(count, np.int64)
    fold_of_group = np.empty(len(sizes), np.int64)
    for group in order:
        least = int(filled.argmin())
        fold_of_group[group] = least + 1
        filled[least] += sizes[group]
    found: Rows = fold_of_group[group_N]
    return found
