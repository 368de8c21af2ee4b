"""The presets `timm/NAME`: one recipe for every network of the package timm. Asks timm nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pigeonhole.models.presets.catalogue import Preset, read

TIMM = "timm/"
RECIPE = Path(__file__).parent / "families" / "timm.yml"


def timm_preset(key: str) -> Preset:
    """The recipe for one network, by the key `timm/NAME`."""
    name = key.removeprefix(TIMM)
    recipe = read(RECIPE, key)
    layers = [_named(item, name) for item in recipe.file.layers or ()]
    return replace(
        recipe,
        summary=f"{name} of the package timm, {recipe.summary}",
        file=recipe.file.model_copy(update={"layers": layers}),
    )


def _named(item: object, name: str) -> object:
    return {"timm": {"name": name, **item["timm"]}} if isinstance(item, dict) and "timm" in item else item
