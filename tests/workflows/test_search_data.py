"""What a search is scored on can score it, or it is said before anything runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pigeonhole.core.errors import DataError, SpecError
from pigeonhole.workflows.automl.data import SearchData, whole_groups


def test_an_area_under_the_curve_of_one_class_is_refused_before_the_search():
    source: Any = SimpleNamespace(ref="digits:1", labels_N=np.array([0, 1, 0]), rows=lambda _: np.array([0, 2]))
    with pytest.raises(SpecError, match="all of one class"):
        SearchData(source, None, 0).check_metric("AUC_weighted")
    SearchData(source, None, 0).check_metric("accuracy")
    SearchData(source, 3, 0).check_metric("AUC_weighted")


@pytest.mark.parametrize("seed", range(5))
def test_groups_that_lie_within_a_class_leave_each_class_on_both_sides_of_a_stacks_split(seed: int) -> None:
    labels_N = np.repeat(np.arange(10), 30)
    groups_N = np.array([f"patient {index // 6}" for index in range(300)])
    held_N = whole_groups(labels_N, groups_N, 0.2, seed)
    assert np.bincount(labels_N[held_N], minlength=10).tolist() == [6] * 10
    assert not set(groups_N[held_N]) & set(np.delete(groups_N, held_N))


def test_an_image_of_no_group_is_on_either_side() -> None:
    held_N = whole_groups(np.repeat([0, 1], 50), np.array(["", *["busy"] * 9] * 10), 0.1, 0)
    assert held_N.tolist() == [10 * index for index in range(10)]


def test_a_stacks_split_that_would_lose_classes_is_refused() -> None:
    with pytest.raises(DataError, match="lacks 3 classes"):
        whole_groups(np.repeat([0, 1, 2], 10), np.repeat(["a", "b", "c"], 10), 0.2, 0)
