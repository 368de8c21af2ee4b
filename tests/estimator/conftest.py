from __future__ import annotations

import numpy as np
import pytest

from pigeonhole.testing.presets import sample


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny tensors gain nothing from two threads, which wait for each other whenever the machine is busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def images():
    """Easy grey images of three classes, (N, 12, 12) uint8, read-only."""
    images_NHWC = sample(160).train_images_NHWC
    images_NHWC.flags.writeable = False
    return images_NHWC[..., 0]


@pytest.fixture(scope="session")
def labels():
    """Their classes, as words."""
    return np.array(["left", "middle", "right"])[sample(160).train_labels_N]
