"""Tensors that stay in place give what tensors handed over give, and nobody's answer changes afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from pigeonhole.bundle import bound
from pigeonhole.bundle.bound import BoundRuns
from tests.bundle.tiny_onnx import write_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("bound") / "tiny")


def test_every_size_in_any_order_and_answers_that_stay(tiny, monkeypatch):
    monkeypatch.setattr(bound, "LIMIT_BYTES", 5 * int(np.prod(tiny.shape_HWC)) + 1)
    runs = BoundRuns(tiny.session, tiny.shape_HWC, len(tiny.class_names))
    generator = np.random.default_rng(0)
    asked = [generator.integers(0, 256, (n, *tiny.shape_HWC), np.uint8) for n in (1, 5, 2, 6, 1, 17, 5, 0, 3, 1)]
    given = [runs.probabilities(images_NHWC) for images_NHWC in asked]
    for images_NHWC, probs_NK in zip(asked, given, strict=True):
        assert np.array_equal(probs_NK, tiny.session.probabilities(images_NHWC))


def test_images_larger_than_the_limit_are_handed_over(tiny, monkeypatch):
    monkeypatch.setattr(bound, "LIMIT_BYTES", int(np.prod(tiny.shape_HWC)) - 1)
    runs = BoundRuns(tiny.session, tiny.shape_HWC, len(tiny.class_names))
    images_NHWC = np.zeros((1, *tiny.shape_HWC), np.uint8)
    assert np.array_equal(runs.probabilities(images_NHWC), tiny.session.probabilities(images_NHWC))
