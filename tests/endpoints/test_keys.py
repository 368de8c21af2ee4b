"""Keys of an endpoint: made, shown once, regenerated one at a time while requests go on, kept as hashes."""

from __future__ import annotations

import hashlib

import pytest

from pigeonhole import endpoints
from pigeonhole.core.errors import ConflictError, NotFoundError, UsageError
from tests.endpoints.asking import deploy, score, shares, under_load


def test_each_key_is_regenerated_while_the_other_goes_on(workspace, tiny, other):
    status = deploy(workspace, tiny, keys=["the-first-key"])
    second = endpoints.regenerate(workspace, "bands", "secondary")
    assert (second.taken, second.regenerated) == (True, "secondary")
    assert second.fingerprints == {
        "primary": hashlib.sha256(b"the-first-key").hexdigest()[:8],
        "secondary": hashlib.sha256(second.key.encode()).hexdigest()[:8],
    }
    with under_load(status, key=second.key) as load:
        first = endpoints.regenerate(workspace, "bands", "primary")
    assert load.lost == []
    answers = [score(status, key).status_code for key in ("the-first-key", first.key, second.key, None)]
    assert answers == [401, 200, 200, 401]
    shown = endpoints.show_keys(workspace, "bands")
    assert (shown.key, shown.fingerprints) == (None, first.fingerprints)
    kept = "".join(path.read_text("utf-8", "replace") for path in workspace.root.rglob("*") if path.is_file())
    assert [key for key in (first.key, second.key) if key in kept] == []

    # A key that is taken already is no new one, and none of the two is dropped for it.
    assert deploy(workspace, tiny, keys=[second.key]).unchanged
    newer = deploy(workspace, other, "bands:2")
    assert [score(newer, key).status_code for key in (first.key, second.key)] == [200, 200]
    # The way back is one of deployments: a key that was given up stays so.
    back, _ = endpoints.rollback(workspace, "bands")
    assert shares(back) == {"blue": ("bands:1", 100, 0)}
    assert [score(back, key).status_code for key in ("the-first-key", first.key)] == [401, 200]


def test_an_open_endpoint_is_locked_by_its_first_key(workspace, tiny):
    status = deploy(workspace, tiny)
    assert endpoints.show_keys(workspace, "bands").fingerprints == {}
    with pytest.raises(ConflictError, match="--regenerate primary"):
        endpoints.regenerate(workspace, "bands", "secondary")
    with pytest.raises(UsageError, match="primary or secondary"):
        endpoints.regenerate(workspace, "bands", "both")
    made = endpoints.regenerate(workspace, "bands", "primary")
    assert endpoints.show(workspace, "bands").needs_key
    assert [score(status, key).status_code for key in (None, made.key)] == [401, 200]


def test_keys_of_an_endpoint_that_is_not_there(workspace, tiny, broken):
    for ask in (endpoints.show_keys, lambda *place: endpoints.regenerate(*place, "primary")):
        with pytest.raises(NotFoundError):
            ask(workspace, "bands")
    deploy(workspace, broken)
    with pytest.raises(ConflictError, match="nothing answers yet"):
        endpoints.regenerate(workspace, "bands", "primary")
    with pytest.raises(UsageError, match="3 keys"):
        deploy(workspace, tiny, keys=["the-first-key", "the-second-key", "the-third-key"])
