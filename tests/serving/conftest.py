from __future__ import annotations

import pytest

from tests.bundle.tiny_onnx import write_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def colour(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("bundles") / "colour", (6, 8, 3))
