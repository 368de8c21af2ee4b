"""What is tried: every preset that a user may allow is, the ones of no promise only then."""

from __future__ import annotations

from collections.abc import Collection

from pigeonhole.automl.candidates import KINDS, estimators, networks
from pigeonhole.models import presets


def test_every_preset_that_is_allowed_has_a_candidate():
    for key in presets.names():
        asked = {kind: [key] if presets.get(key).kind == kind else [] for kind in KINDS}
        found = [one.preset for one in _estimators({key}, asked["estimator"])]
        found += networks(lambda preset, key=key: preset == key, asked["network"])  # type: ignore[misc]
        assert set(found) == {key}


def test_a_single_tree_is_tried_only_where_it_is_asked_for():
    every = set(presets.names())
    assert "decision-tree" not in {one.preset for one in _estimators(every, [])}
    assert "decision-tree" in {one.preset for one in _estimators(every, ["decision-tree"])}


def _estimators(wanted: Collection[str], asked_for: Collection[str]):
    return list(estimators(lambda preset: preset in wanted, lambda preset, _: preset, False, asked_for))
