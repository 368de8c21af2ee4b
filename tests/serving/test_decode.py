from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.serving.protocols import azure
from pigeonhole.serving.protocols.decoded import Facts, finished
from pigeonhole.serving.protocols.rows import AMBIGUOUS

SHAPE = (2, 3, 1)
RGB = (2, 3, 3)
ROW = [0, 10, 20, 30, 40, 255]


def decode_json(body, shape, max_images):
    facts = Facts("bands:3", "blue", shape, ("top", "bottom"), None, max_images, 1_000_000)
    return finished(azure.decode_json(body, facts))


def decode(data, shape=SHAPE, max_images=100, **more):
    return decode_json(json.dumps({"data": data, **more}).encode(), shape, max_images)


def values(decoded):
    return list(decoded.pixels)


def test_integers_are_read_as_they_are():
    decoded = decode([ROW, ROW[::-1]])
    assert values(decoded) == ROW + ROW[::-1]
    assert (decoded.n, decoded.scale, decoded.warnings) == (2, "0-255", [])


def test_a_decimal_point_and_nothing_above_one_means_0_to_1():
    decoded = decode([[0, 0.5, 1.0, 0.1, 1 / 255, 1]])
    assert values(decoded) == [0, 128, 255, 26, 1, 255]
    assert decoded.scale == "0-1"


def test_a_decimal_point_beside_a_value_above_one_means_0_to_255():
    decoded = decode([[0.0, 1.0, 2.0, 3, 128.0, 255.0]])
    assert values(decoded) == [0, 1, 2, 3, 128, 255]
    assert (decoded.scale, decoded.warnings) == ("0-255", [])


def test_the_value_above_one_may_stand_in_another_image_of_the_request():
    assert decode([[0, 1, 0, 1, 0, 1], ROW]).warnings == []
    assert values(decode([[0, 1, 0, 1, 0, 1.0], ROW])) == [0, 1, 0, 1, 0, 1, *ROW]


def test_only_zeros_and_ones_are_read_as_0_to_255_with_a_warning():
    decoded = decode([[0, 1, 0, 1, 0, 1]])
    assert (values(decoded), decoded.scale, decoded.warnings) == ([0, 1, 0, 1, 0, 1], "0-255", [AMBIGUOUS])


def test_written_with_a_decimal_point_they_are_0_to_1():
    assert values(decode([[0.0, 1.0, 0, 1, 0, 1]])) == [0, 255, 0, 255, 0, 255]


def test_the_scale_in_the_body_overrides():
    decoded = decode([[0, 1, 0, 1, 0, 1]], scale="0-1")
    assert (values(decoded), decoded.scale, decoded.warnings) == ([0, 255, 0, 255, 0, 255], "0-1", [])
    decoded = decode([[0, 1, 0, 1, 0, 1]], scale="0-255")
    assert (values(decoded), decoded.scale, decoded.warnings) == ([0, 1, 0, 1, 0, 1], "0-255", [])
    assert values(decode([[0.0, 1.0, 0, 1, 0, 1]], scale="0-255")) == [0, 1, 0, 1, 0, 1]


def test_invert_swaps_dark_and_light_in_either_scale():
    assert values(decode([ROW], invert=True)) == [255 - value for value in ROW]
    assert values(decode([[0.0, 1.0, 0, 1, 0, 1]], invert=True)) == [255, 0, 255, 0, 255, 0]
    assert values(decode([ROW], invert=False)) == ROW


@pytest.mark.parametrize("nest", [lambda a: a[..., 0], lambda a: a], ids=["HxW", "HxWxC"])
def test_nested_grey_images_are_the_flat_ones(nest):
    image_HWC = np.array(ROW).reshape(SHAPE)
    assert values(decode([nest(image_HWC).tolist()])) == ROW


def test_nested_colour_images_are_the_flat_ones():
    image_HWC = np.arange(18).reshape(RGB) * 10
    flat = image_HWC.ravel().tolist()
    assert values(decode([image_HWC.tolist()], RGB)) == flat == values(decode([flat], RGB))
    assert values(decode([(image_HWC / 255).tolist()], RGB)) == flat


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ([*ROW[:5], 256], "data[1][5]: 256"),
        ([*ROW[:5], -1], "data[1][5]: -1"),
        ([*ROW[:5], 2.5], "data[1][5]: 2.5"),
        ([*ROW[:5], float("nan")], "data[1][5]: NaN"),
        ([*ROW[:5], float("inf")], "data[1][5]: Infinity"),
        ([*ROW[:5], "7"], 'data[1][5]: "7"'),
        ([*ROW[:5], None], "data[1][5]: null"),
        ([*ROW[:5], True], "data[1][5]: true"),
        ([*ROW[:5], False], "data[1][5]: false"),
        ([*ROW[:5], [1]], "data[1][5]: [1]"),
        ([*ROW[:5], 10**400], "data[1][5]: 1000"),
        (ROW[:5], "data[1]: 5 values, not 6"),
        ([*ROW, 1], "data[1]: 7 values, not 6"),
        ([], "data[1]: 0 values"),
        (7, "data[1]: 7, not a list"),
        ("abc", 'data[1]: "abc"'),
        (None, "data[1]: null"),
        ([[0, 1, 2]], "data[1]: 1 rows, not 2"),
        ([[0, 1, 2], [3, 4]], "data[1][1]: 2 values, not 3"),
        ([[0, 1, 2], 3], "data[1][1]: 3, not 3 values"),
        ([[0, 1, 2], [3, 4, "x"]], 'data[1][1][2]: "x"'),
        ([[0, 1, 2], [3, 4, 700]], "data[1][1][2]: 700"),
        ([[[0], [1], [2]], [[3], [4], [700]]], "data[1][1][2][0]: 700"),
        ([[[0], [1], [2]], [[3], [4], [5, 6]]], "data[1][1][2]: 2 values, not 1"),
    ],
)
def test_a_mistake_is_named_with_its_position(row, place):
    with pytest.raises(DataError) as caught:
        decode([ROW, row])
    assert place in str(caught.value)
    assert "accepted: " in str(caught.value)


def test_a_grey_image_for_a_colour_model_says_so():
    with pytest.raises(DataError, match="2 × 3 numbers, not 2 × 3 × 3"):
        decode([[[0, 1, 2], [3, 4, 5]]], RGB)


def test_all_mistakes_are_counted_and_ten_are_shown():
    with pytest.raises(DataError) as caught:
        decode([[300] * 6, [*ROW[:5], -3], [-1] * 6])
    message = str(caught.value)
    assert message.count("data[") == 10
    assert "data[0][0]: 300" in message
    assert "… and 3 more" in message
    with pytest.raises(DataError, match="… and 15 more"):
        decode([[1]] * 25)


@pytest.mark.parametrize("value", [-0.001, 1.001, 256, 1e400, True, "0.5", None, [0.5]])
def test_one_value_among_decimals_that_does_not_fit_is_found(value):
    row = [0.5, 0.25, 0, 1, 0.125, value]
    with pytest.raises(DataError, match=r"data\[1\]\["):
        decode([[0.5] * 6, row])


def test_a_large_body_is_left_to_a_thread_and_read_alike():
    content = json.dumps({"data": [[0.5] * 6] * 20_000}).encode()
    facts = Facts("bands:3", "blue", SHAPE, ("top", "bottom"), None, 20_000, 1_000_000)
    work = azure.decode_json(content, facts)
    assert callable(work)
    assert work().pixels == b"\x80" * 120_000


def test_over_the_chosen_scale():
    with pytest.raises(DataError, match=r"data\[0\]\[1\]: 10, not from 0 to 1"):
        decode([ROW], scale="0-1")
    with pytest.raises(DataError, match=r"data\[0\]\[1\]: 0.5, not a whole number"):
        decode([[0, 0.5, 0, 0, 0, 0]], scale="0-255")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ([ROW], "a JSON list"),
        (7, "a JSON number"),
        ({}, "data: missing"),
        ({"data": None}, "data: null"),
        ({"data": []}, "data: []"),
        ({"data": {"0": ROW}}, "data: "),
        ({"data": ROW}, "data[0]: 0, not a list of 6"),
        ({"dat": [ROW]}, "did you mean 'data'?"),
        ({"data": [ROW], "scale": "255"}, 'scale: "255"'),
        ({"data": [ROW], "scale": None}, "scale: null"),
        ({"data": [ROW], "invert": "yes"}, 'invert: "yes"'),
        ({"data": [ROW], "invert": 1}, "invert: 1"),
        ({"data": [ROW] * 101}, "101 images, more than 100"),
    ],
)
def test_an_unfit_request_says_what_is_wrong(request_, said):
    with pytest.raises(DataError) as caught:
        decode_json(json.dumps(request_).encode(), SHAPE, 100)
    assert said in str(caught.value)


def test_all_unfit_keys_are_named_at_once():
    with pytest.raises(DataError) as caught:
        decode([], scale="x", invert=3, colour=True)
    assert all(word in str(caught.value) for word in ("data: ", "scale: ", "invert: ", '"colour": unknown'))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"data=1", b'{"data": [[01]]}', b"[" * 100_000, b'{"data": "\xff"}']
)
def test_what_is_no_json_is_a_usage_error(body):
    with pytest.raises(UsageError, match="neither JSON"):
        decode_json(body, SHAPE, 100)


@given(st.lists(st.lists(st.integers(0, 255), min_size=6, max_size=6), min_size=1, max_size=4))
def test_any_integers_in_range_come_through_exactly(rows):
    decoded = decode(rows)
    assert values(decoded) == [value for row in rows for value in row]
    assert bool(decoded.warnings) == all(value <= 1 for row in rows for value in row)


@given(st.lists(st.lists(st.integers(0, 255), min_size=6, max_size=6), min_size=1, max_size=4))
def test_dividing_by_255_gives_the_same_pixels_again(rows):
    decoded = decode([[value / 255 for value in row] for row in rows])
    assert values(decoded) == [value for row in rows for value in row]
    assert decoded.scale == "0-1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


@given(json_values)
def test_no_json_at_all_ends_in_anything_but_an_answer_or_a_three_part_error(value):
    for request in (value, {"data": value}, {"data": [value]}, {"data": [ROW, value]}):
        try:
            decoded = decode_json(json.dumps(request).encode(), SHAPE, 100)
        except (DataError, UsageError) as error:
            parts = (error.received, error.accepted, error.remedy)
        else:
            parts = (len(decoded.pixels) == decoded.n * 6,)
        assert all(parts)


@given(st.binary(max_size=40))
def test_no_bytes_at_all_end_in_anything_but_an_error(body):
    with pytest.raises((DataError, UsageError)):
        decode_json(body, SHAPE, 100)
