from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bundle.tiny_onnx import band_images, write_tiny

COUNT = 40


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle for images of 6 × 6."""
    return write_tiny(tmp_path_factory.mktemp("bundles") / "tiny").folder


@pytest.fixture(scope="session")
def bands() -> np.ndarray:
    """Images of class 0, 1, 2, 0, …."""
    return band_images(COUNT)[0]


@pytest.fixture
def npy(tmp_path: Path, bands: np.ndarray) -> Path:
    """The same images in a file."""
    path = tmp_path / "bands.npy"
    np.save(path, bands)
    return path
