from __future__ import annotations

import pytest

import pigeonhole as ph
from tests.bundle.tiny_onnx import write_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def packed(tiny, tmp_path_factory):
    """A package of the tiny bundle, to be looked at only."""
    return ph.package(tiny.folder, to=tmp_path_factory.mktemp("packages") / "tiny")
