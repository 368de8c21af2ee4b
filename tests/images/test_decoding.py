from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pigeonhole.core.errors import DataError
from pigeonhole.images import Limits, decode, header, png

GRADIENT_HWC = (np.arange(6 * 9, dtype=np.uint8) * 4).reshape(6, 9, 1)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_png_comes_back_to_the_bit() -> None:
    assert (decode(png(GRADIENT_HWC)) == GRADIENT_HWC).all()
    colour_HWC = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert (decode(png(colour_HWC)) == colour_HWC).all()


def test_16_bits_become_8_and_white_stays_white() -> None:
    deep = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    assert decode(saved(Image.fromarray(deep))).ravel().tolist() == [0, 1, 128, 255]


def test_one_bit_is_black_and_white() -> None:
    image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert decode(saved(image)).ravel().tolist() == [0, 255]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    clear = Image.new(mode, (2, 2))
    pixels = decode(saved(clear))
    assert pixels.shape == (2, 2, 1 if mode == "LA" else 3)
    assert (pixels == 255).all()


def test_a_transparent_palette_entry_is_laid_on_white() -> None:
    image = Image.new("P", (1, 2))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 1), 1)
    pixels = decode(saved(image, transparency=0))
    assert pixels.reshape(-1, 3).tolist() == [[255, 255, 255], [0, 0, 255]]


def test_a_grey_palette_is_grey_and_a_coloured_one_is_colour() -> None:
    grey = Image.new("P", (1, 1))
    grey.putpalette([7, 7, 7, 9, 9, 9])
    coloured = Image.new("P", (1, 1))
    coloured.putpalette([7, 7, 7, 9, 9, 8])
    assert decode(saved(grey)).shape == (1, 1, 1)
    assert header(saved(grey)) == (1, 1, 1)
    assert decode(saved(coloured)).shape == (1, 1, 3)
    assert header(saved(coloured)) == (1, 1, 3)


def test_cmyk_becomes_red_green_blue() -> None:
    pixels = decode(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert pixels.shape == (8, 8, 3)
    assert pixels[0, 0, 0] > 200 > 60 > pixels[0, 0, 1]


def test_exif_turns_the_image_upright_and_the_header_agrees() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side: turn a quarter clockwise
    content = saved(Image.fromarray(np.array([[0] * 16 + [255] * 16] * 8, np.uint8)), "JPEG", exif=exif)
    upright = decode(content)
    assert upright.shape == (32, 8, 1) == header(content)
    assert upright[0].mean() < 50
    assert upright[-1].mean() > 200


def test_channels_can_be_asked_for() -> None:
    assert decode(png(GRADIENT_HWC), channels=3).shape == (6, 9, 3)
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 255
    assert decode(png(red), channels=1).ravel().tolist() == [76]


def test_limits_hold_before_decoding() -> None:
    with pytest.raises(DataError, match="at most 53 pixels"):
        decode(png(GRADIENT_HWC), limits=Limits(max_pixels=53))
    with pytest.raises(DataError, match="at most 10 bytes"):
        decode(png(GRADIENT_HWC), limits=Limits(max_bytes=10))


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    bomb = bytearray(png(np.zeros((1, 1, 1), np.uint8)))
    import struct
    import zlib

    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bytes(bomb[12:29])))
    with pytest.raises(DataError):
        decode(bytes(bomb))


@pytest.mark.parametrize("content", [b"", b"not an image", b"GIF89a" + bytes(40), b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_png_or_jpeg_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(DataError, match=r"cat\.png cannot be decoded") as caught:
        decode(content, source="cat.png")
    assert "PNG or JPEG" in caught.value.accepted


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_file_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = saved(Image.fromarray(noise), kind)
    with pytest.raises(DataError):
        decode(content[: len(content) // 2])


PNG_SEED = png(GRADIENT_HWC)
JPEG_SEED = saved(Image.fromarray(GRADIENT_HWC[:, :, 0]), "JPEG")


@settings(max_examples=150, deadline=None)
@given(
    seed=st.sampled_from([PNG_SEED, JPEG_SEED]),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 10_000),
)
def test_broken_bytes_give_pixels_or_a_data_error_and_nothing_else(
    seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(seed)
    for place, value in changes:
        content[place % len(content)] = value
    try:
        pixels = decode(bytes(content[: max(1, cut % (len(content) + 1))]), limits=Limits(max_pixels=10_000))
    except DataError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
