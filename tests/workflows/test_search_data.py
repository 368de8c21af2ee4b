"""What a search is scored on can score it, or it is said before anything runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pigeonhole.core.errors import SpecError
from pigeonhole.workflows.automl.data import SearchData


def test_an_area_under_the_curve_of_one_class_is_refused_before_the_search():
    source: Any = SimpleNamespace(ref="digits:1", labels_N=np.array([0, 1, 0]), rows=lambda _: np.array([0, 2]))
    with pytest.raises(SpecError, match="all of one class"):
        SearchData(source, None, 0).check_metric("AUC_weighted")
    SearchData(source, None, 0).check_metric("accuracy")
    SearchData(source, 3, 0).check_metric("AUC_weighted")
