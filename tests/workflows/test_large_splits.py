from __future__ import annotations

import numpy as np
import pytest

from pigeonhole import data
from pigeonhole.models import selection
from pigeonhole.models.selection import Selection
from pigeonhole.workflows.train import training_data
from tests.workflows.conftest import Walked


def test_a_network_takes_a_large_split_from_the_file_and_an_estimator_whole(
    walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = data.open_dataset(walked.space, "digits")
    assert isinstance(training_data(source, "network").train_images_NHWC, np.ndarray)
    monkeypatch.setattr(selection, "GATHERED_BYTES", 1000)
    large = training_data(source, "network").train_images_NHWC
    assert isinstance(large, Selection)
    assert large.base is source.images_NHWC
    assert np.array_equal(large[::500], source.train.images_NHWC[::500])
    assert isinstance(training_data(source, "estimator").train_images_NHWC, np.ndarray)
