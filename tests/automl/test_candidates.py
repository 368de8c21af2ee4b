"""What a search may try: the usual candidates, and what a user names besides."""

from __future__ import annotations

from pigeonhole.automl.candidates import ESTIMATORS, NETWORKS, estimators, networks
from pigeonhole.automl.settings import from_command
from pigeonhole.automl.settings.algorithms import known_names, presets_of
from pigeonhole.models import presets


def found(allow: str | tuple[str, ...]) -> set[str]:
    words = {"budget": None, "metric": None, "folds": None, "block": ()}
    settings = from_command("digits", **words, allow=allow, seed=None, settings=())
    named = settings.allowed or frozenset()
    of_networks = {key for key in named if presets.get(key).kind == "network"}
    tried = estimators(settings.allows, lambda preset, _: preset, True, named - of_networks)
    return {candidate.preset for candidate in tried} | set(networks(settings.allows, of_networks))


def test_every_name_that_may_be_allowed_brings_what_it_means() -> None:
    for name in known_names():
        assert presets_of(name) <= found(name), name


def test_presets_that_nobody_names_stay_out() -> None:
    assert found(()) == {*ESTIMATORS, *NETWORKS}
