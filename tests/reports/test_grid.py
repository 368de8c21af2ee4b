from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pigeonhole.core.errors import UsageError
from pigeonhole.reports import predictions_grid
from pigeonhole.reports.grid import _WRONG


def draw(tmp_path, shape_HWC=(28, 28, 1), n=10, wrong=(0, 1), names=("a", "b"), **options):
    images_NHWC = np.random.default_rng(0).integers(0, 256, (n, *shape_HWC)).astype(np.uint8)
    labels_N = np.zeros(n, int)
    predicted_N = np.array([int(i in wrong) for i in range(n)])
    path = tmp_path / "deep" / "predictions.png"
    assert predictions_grid(images_NHWC, labels_N, predicted_N, np.linspace(0.3, 1, n), names, path, **options) == path
    return np.asarray(Image.open(path).convert("RGB"))


def marked(pixels):
    return (pixels == _WRONG).all(axis=-1)


@pytest.mark.parametrize("shape_HWC", [(28, 28, 1), (32, 32, 3), (1, 1, 1), (3, 200, 3), (400, 300, 1), (224, 224, 3)])
def test_grey_and_colour_of_any_size(tmp_path, shape_HWC):
    pixels = draw(tmp_path, shape_HWC)
    assert 800 < pixels.shape[1] < 2000


@pytest.mark.parametrize("n", [1, 3, 8, 9, 64])
def test_any_number_of_images(tmp_path, n):
    assert draw(tmp_path, n=n, wrong=()).shape[0] > 200


def test_mistakes_and_only_mistakes_are_marked(tmp_path):
    assert not marked(draw(tmp_path, wrong=())).any()
    pixels = marked(draw(tmp_path, wrong=(0, 1)))
    assert pixels.any()
    columns = np.flatnonzero(pixels.any(axis=0))
    assert columns.max() < pixels.shape[1] / 3  # the first two of eight


def test_small_images_are_enlarged_without_blurring(tmp_path):
    image_HWC = np.array([[[0], [255]], [[255], [0]]], np.uint8)
    path = predictions_grid(image_HWC[None], [0], [0], [1.0], ["a"], tmp_path / "p.png")
    pixels = np.asarray(Image.open(path).convert("L"))[112 : 112 + 168, 32 : 32 + 168]
    assert set(np.unique(pixels)) <= {0, 255}


def test_colours_stay_what_they_are(tmp_path):
    image_HWC = np.zeros((4, 4, 3), np.uint8)
    image_HWC[...] = (10, 200, 30)
    path = predictions_grid(image_HWC[None], [0], [0], [1.0], ["a"], tmp_path / "p.png")
    assert tuple(np.asarray(Image.open(path).convert("RGB"))[180, 100]) == (10, 200, 30)


def test_long_and_foreign_names_fit(tmp_path):
    draw(tmp_path, names=("automobile with a very long name indeed", "Größe ½ 日本"), mistakes=40, total=1000)


def test_lengths_that_differ_and_no_images_are_refused(tmp_path):
    images_NHWC = np.zeros((2, 4, 4, 1), np.uint8)
    with pytest.raises(UsageError, match="2 images, 1 labels"):
        predictions_grid(images_NHWC, [0], [0, 0], [1.0, 1.0], ["a"], tmp_path / "p.png")
    with pytest.raises(UsageError, match="0 images"):
        predictions_grid(images_NHWC[:0], [], [], [], ["a"], tmp_path / "p.png")
    assert not (tmp_path / "p.png").exists()
