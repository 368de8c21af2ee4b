from __future__ import annotations

import numpy as np
import pytest

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.data.labels import resolve
from pigeonhole.data.origins import Numbered, Origins


def run(labels: list[int], source=None, user=None) -> tuple[list[int], tuple[str, ...]]:
    origins = Origins()
    for row in range(len(labels)):
        origins.append(Numbered("row", row, 1))
    found, names = resolve(np.array(labels), origins, source, user)
    return found.tolist(), names


def test_numbers_without_a_gap_name_themselves() -> None:
    assert run([2, 0, 1, 0]) == ([2, 0, 1, 0], ("0", "1", "2"))
    assert run([3, 1, 2, 1]) == ([2, 0, 1, 0], ("1", "2", "3"))


def test_names_that_are_numbers_name_the_labels_and_others_count_from_0() -> None:
    assert run([7, 40, 7], user=["7", "40"]) == ([0, 1, 0], ("7", "40"))
    assert run([40, 7], user=["40", "7"]) == ([0, 1], ("40", "7"))
    assert run([1, 0], user=["cat", "dog"]) == ([1, 0], ("cat", "dog"))


def test_a_sources_own_names_can_be_put_in_another_order() -> None:
    assert run([0, 1, 1], ["cat", "dog"]) == ([0, 1, 1], ("cat", "dog"))
    assert run([0, 1, 1], ["cat", "dog"], ["dog", "cat"]) == ([1, 0, 0], ("dog", "cat"))
    with pytest.raises(DataError, match="the source has the classes cat, dog"):
        run([0, 1], ["cat", "dog"], ["cat", "fish"])


def test_a_gap_is_a_wrong_label_until_the_user_says_otherwise() -> None:
    with pytest.raises(DataError, match=r"no image has the label 2, 1 have a higher one\n  row 3: label 900"):
        run([0, 1, 0, 900])
    assert run([0, 1, 0, 900], user=["0", "1", "900"])[0] == [0, 1, 0, 2]
    with pytest.raises(DataError, match="no image has the label 1, 2 have"):
        run([5, 5])


def test_labels_beyond_the_classes_are_named() -> None:
    with pytest.raises(DataError, match=r"2 labels beyond the 2 classes\n  row 1: label 2\n  row 3: label 9"):
        run([0, 2, 1, 9], user=["cat", "dog"])


def test_one_class_is_no_classification() -> None:
    with pytest.raises(DataError, match="one class"):
        run([0, 0, 0])
    with pytest.raises(DataError, match="one class"):
        run([0], ["cat"])


@pytest.mark.parametrize("names", [["cat"], ["cat", "cat"], ["cat", " "], []])
def test_names_must_be_several_and_different(names: list[str]) -> None:
    with pytest.raises(UsageError, match="class names"):
        run([0, 1], user=names)
