"""Which headers carry a key, whatever was asked before."""

from __future__ import annotations

import pytest

from pigeonhole.serving import hash_key
from pigeonhole.serving.auth import Keys


@pytest.mark.parametrize("before", [b"Bearer first-key", b"Bearer second-key", b"Bearer wrong-keys", b""])
@pytest.mark.parametrize(
    ("header", "is_right"),
    [
        (b"Bearer first-key", True),
        (b"bearer  second-key ", True),
        (b"Bearer first-kez", False),
        (b"Bearer first-keyy", False),
        (b"Basic first-key", False),
        (b"first-key", False),
        (b"Bearer ", False),
        (b"", False),
    ],
)
def test_a_header_is_right_or_wrong_whatever_came_before(before, header, is_right):
    keys = Keys([hash_key("first-key"), hash_key("second-key")])
    assert keys
    keys.allow(before)
    assert keys.allow(header) is is_right
    assert keys.allow(header) is is_right


def test_without_keys_there_are_none_to_be_right():
    assert not Keys([])
    assert not Keys([]).allow(b"Bearer ")
