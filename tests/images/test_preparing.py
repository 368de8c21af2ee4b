from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pigeonhole.images import Normal, decode, fit, looks_inverted, png, prepare, statistics, terminal

SHAPE = (28, 28, 1)
DIGITS = Normal(border_mean=0.5, mean=33.0)


def one() -> np.ndarray:
    image = np.zeros(SHAPE, np.uint8)
    image[4:24, 13:16] = 255
    return image


def test_the_training_shape_passes_unchanged_so_ingest_and_serve_agree() -> None:
    image = np.random.default_rng(1).integers(0, 256, SHAPE, dtype=np.uint8)
    assert (fit(image, SHAPE) == image).all()
    assert (prepare(png(image), SHAPE).image_HWC == decode(png(image))).all()


def test_shrinking_averages_areas() -> None:
    large = one().repeat(10, axis=0).repeat(10, axis=1)
    assert (fit(large, SHAPE) == one()).all()


def test_proportions_are_kept_and_the_padding_has_the_borders_brightness() -> None:
    wide = np.full((28, 56, 1), 200, np.uint8)
    wide[10:18, 20:36] = 0
    fitted = fit(wide, SHAPE)
    assert (fitted[:7] == 200).all()
    assert (fitted[21:] == 200).all()
    assert fitted[14, 14] == 0


def test_a_long_thin_image_still_has_a_pixel() -> None:
    assert fit(np.full((1000, 1, 1), 90, np.uint8), SHAPE).tolist() == np.full(SHAPE, 90).tolist()


def test_colour_and_grey_convert_both_ways_like_the_decoder() -> None:
    colour = np.random.default_rng(2).integers(0, 256, (*SHAPE[:2], 3), dtype=np.uint8)
    assert (fit(colour, SHAPE) == decode(png(colour), channels=1)).all()
    assert (fit(one(), (28, 28, 3)) == one()).all()


def test_inverted_is_seen_said_and_turned() -> None:
    ink_on_paper = png(255 - one())
    looked_at = prepare(ink_on_paper, SHAPE, reference=DIGITS)
    assert [w for w in looked_at.warnings if "inverted" in w and "--invert" in w]
    turned = prepare(ink_on_paper, SHAPE, reference=DIGITS, invert=True)
    assert turned.warnings == []
    assert (turned.image_HWC == one()).all()
    wrongly_turned = prepare(png(one()), SHAPE, reference=DIGITS, invert=True)
    assert "leave out invert" in wrongly_turned.warnings[0]


def test_photographs_are_never_called_inverted() -> None:
    assert not looks_inverted(np.full(SHAPE, 240, np.uint8), normal_border_mean=120, normal_mean=118)


@pytest.mark.parametrize(("size", "words"), [((280, 280), "far"), ((10, 10), "far"), ((28, 60), "proportions")])
def test_an_image_unlike_the_training_size_gets_a_warning(size: tuple[int, int], words: str) -> None:
    assert words in " ".join(prepare(png(np.zeros((*size, 1), np.uint8)), SHAPE).warnings)


def test_statistics_are_what_numpy_says() -> None:
    images = np.random.default_rng(3).integers(0, 256, (7, 12, 16, 3), dtype=np.uint8)
    found = statistics(images)
    grey = images.mean(axis=3)
    inside = np.zeros((12, 16), bool)
    inside[1:-1, 1:-1] = True
    border = grey[:, ~inside].mean(axis=1)
    np.testing.assert_allclose(found["mean"], images.mean(axis=(1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(found["std"], images.std(axis=(1, 2, 3)), rtol=1e-3)
    np.testing.assert_allclose(found["border_mean"], border, rtol=1e-4)
    np.testing.assert_allclose(found["ink"], (abs(grey - border[:, None, None]) > 64).mean(axis=(1, 2)), atol=1e-6)
    blocks = grey.reshape(7, 4, 3, 4, 4).mean(axis=(2, 4)).reshape(7, 16)
    np.testing.assert_allclose(found["block_means"], blocks, rtol=1e-4)


def test_statistics_in_batches_equal_statistics_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(4).integers(0, 256, (9, 5, 5, 1), dtype=np.uint8)
    at_once = statistics(images)
    monkeypatch.setattr("pigeonhole.images.brightness.BATCH_PIXELS", 50)
    for name, values in statistics(images).items():
        np.testing.assert_allclose(values, at_once[name], rtol=1e-5)


def test_no_images_give_empty_statistics() -> None:
    assert statistics(np.zeros((0, 4, 4, 1), np.uint8))["block_means"].shape == (0, 16)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))))
def test_any_image_fits_any_shape(image: np.ndarray) -> None:
    for shape in [(28, 28, 1), (5, 9, 3), (1, 1, 1)]:
        fitted = fit(image, shape)
        assert fitted.shape == shape
        assert fitted.min() >= int(image.min()) - 1
        assert fitted.max() <= int(image.max()) + 1
    assert np.isfinite(np.concatenate([v.ravel() for v in statistics(image[None]).values()])).all()


def test_the_terminal_drawing_keeps_within_its_width() -> None:
    lines = terminal(one()).split("\n")
    assert len(lines) == 28
    assert lines[10] == " " * 26 + "█" * 6
    assert max(map(len, terminal(np.full((64, 64, 3), 255, np.uint8), width=20).splitlines())) == 20
    assert "▀" in terminal(one(), colour=True)
    assert terminal(np.zeros((3, 3, 1), np.uint8), colour=True).count("\n") == 1
