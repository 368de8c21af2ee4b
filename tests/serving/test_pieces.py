"""A large body read in pieces means what it means as a whole, to the last pixel, and holds little memory."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.serving.protocols import azure, mlflow, pieces
from pigeonhole.serving.protocols.decoded import LARGE_BYTES, Facts, finished
from pigeonhole.serving.protocols.rows import AMBIGUOUS

FACTS = Facts("bands:3", "blue", (2, 3, 1), ("top", "bottom"), None, 60, 1_000_000)
ROW, DARK, HALF = [0, 10, 20, 30, 40, 255], [0, 1, 0, 1, 0, 1], [0, 0.5, 1.0, 0.1, 1 / 255, 1]


@pytest.fixture(autouse=True)
def tiny_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 30)


def in_pieces(text, keys=(b"data",)):
    return pieces.quick(text.encode() if isinstance(text, str) else text, keys, FACTS)


@pytest.mark.parametrize(
    "rows", [[ROW] * 9, [DARK] * 9, [HALF] * 9, [DARK] * 8 + [HALF], [DARK] * 8 + [ROW], [HALF] + [DARK] * 8, [ROW]]
)
def test_rows_are_read_as_they_are_in_one(rows):
    body = json.dumps({"data": rows}).encode()
    assert in_pieces(body) == finished(azure.decode_json(body, FACTS))


def test_one_decimal_far_behind_makes_ones_white():
    read = in_pieces(json.dumps({"data": [DARK] * 8 + [HALF]}))
    assert read.pixels[:6] == bytes([0, 255, 0, 255, 0, 255])
    assert (read.n, read.scale, read.warnings) == (9, "0-1", [])
    assert in_pieces(json.dumps({"data": [DARK] * 9})).warnings == [AMBIGUOUS]


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5],]}',
        '{"data": [[0, 1, 2, 3, 4, 5],, [0, 1, 2, 3, 4, 5]]}',
        '{"data": [[0, 1, 2, 3, 4, 5] [0, 1, 2, 3, 4, 5]]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]]}',
        '{"data": [[0, 1, 2, 3, 4, 5]], "data": [[0, 1, 2, 3, 4, 5]]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]], "scale": "0-1", "a": []}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, "5], [0, 1, 2, 3, 4, 5"]]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, true]]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, NaN]]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 256]]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, -1]]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 0.5, 1]]}',
        '{"data": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4]]}',
        '{"data": [[[0, 1, 2], [3, 4, 5]], [[0, 1, 2], [3, 4, 5]]]}',
        '{"data": []}',
        '{"datum": [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]}',
        "[[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]",
        '{"data": [[0, 1, 2, 3, 4, 5]]} {}',
        '{"data": [}',
    ],
)
def test_what_is_not_plainly_rows_is_left_to_the_careful_reading(text):
    assert in_pieces(text) is None


def test_more_images_than_a_request_may_hold_are_left_to_it_too():
    assert in_pieces(json.dumps({"data": [ROW] * 60})).n == 60
    assert in_pieces(json.dumps({"data": [ROW] * 61})) is None


value = st.one_of(st.integers(-1, 300), st.sampled_from([0, 1, 0.0, 1.0, 0.5, 1e400, True, "1", None, [1]]))
space = st.text(" \n\t\r", max_size=3)


@given(st.lists(st.lists(value, min_size=5, max_size=7), max_size=6), space, space, space)
def test_whatever_is_read_in_pieces_is_read_alike_in_one(rows, before, between, behind):
    text = json.dumps(rows).replace("], [", f"]{between},{before}[")
    body = f'{before}{{{between}"data"{before}:{between}{text}{behind}}}{behind}'.encode()
    found = in_pieces(body)
    if found is not None:
        assert found == finished(azure.decode_json(body, FACTS))


@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_mlflows_words_for_rows(key):
    body = json.dumps({key: [ROW, DARK] * 9}).encode()
    assert in_pieces(body, (b"inputs", b"instances")) == finished(mlflow.decode(body, {}, b"", FACTS))


@pytest.fixture(scope="module")
def many():
    """Four hundred images of 784 numbers each."""
    facts = Facts("digits:3", "blue", (28, 28, 1), ("0", "1"), None, 4096, 1_000_000)
    return np.random.default_rng(0).integers(0, 256, (400, 784), dtype=np.uint8), facts


def test_a_large_body_holds_little_more_than_its_pixels(many, monkeypatch):
    images_NP, facts = many
    monkeypatch.setattr(pieces, "PIECE_BYTES", 64 << 10)
    body = json.dumps({"data": (images_NP / 255).tolist()}).encode()
    assert len(body) > LARGE_BYTES
    tracemalloc.start()
    decoded = finished(azure.decode(body, {}, b"", facts))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decoded.pixels == images_NP.tobytes()
    assert most_bytes < 8 * images_NP.size  # as one list, 32 for each number


@pytest.mark.parametrize("wrong", ["256", "[1]", '"a"', "true", "1,"])
def test_a_mistake_in_a_large_body_is_named(many, wrong):
    images_NP, facts = many
    text = json.dumps({"data": images_NP.tolist()})
    body = f"{text[:-4].rpartition(' ')[0]} {wrong}]]}}".encode()
    with pytest.raises((DataError, UsageError), match=r"data\[399\]|neither JSON"):
        finished(azure.decode(body, {}, b"", facts))
