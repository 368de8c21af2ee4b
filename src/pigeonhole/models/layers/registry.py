"""All layers by name, and a layer list read from a spec with every problem in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pigeonhole.core.errors import SpecError
from pigeonhole.core.spec import Lines, Place, suggestion, validate
from pigeonhole.models.layers.anywhere import Activation, BatchNormalization, Dropout
from pigeonhole.models.layers.base import Layer
from pigeonhole.models.layers.convolution import Conv2D
from pigeonhole.models.layers.flat import Dense, Flatten
from pigeonhole.models.layers.padding import PadTo
from pigeonhole.models.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from pigeonhole.models.layers.transfer import Timm

LAYERS: Mapping[str, type[Layer]] = {
    layer.key: layer
    for layer in (
        Conv2D,
        MaxPooling2D,
        AveragePooling2D,
        GlobalMaxPooling2D,
        GlobalAveragePooling2D,
        Flatten,
        Dense,
        Activation,
        BatchNormalization,
        Dropout,
        PadTo,
        Timm,
    )
}


def parse_layers(items: Any, lines: Lines | None = None) -> tuple[list[Layer], list[str]]:
    """The layers of a list as YAML gives it, and what is wrong with the rest.

    Args:
        items: `[{conv2d: {filters: 8, kernel_size: 3}}, flatten, {dense: 10}]`.
        lines: line numbers by place, where it came from a file.
    """
    if not isinstance(items, list) or not items:
        return [], ["layers: a list of at least one layer is needed"]
    layers: list[Layer] = []
    problems: list[str] = []
    for index, item in enumerate(items):
        try:
            layers.append(_parse(item, f"{_line(lines, ('layers', index))}layer {index + 1}"))
        except SpecError as error:
            problems.append(error.received)
    return layers, problems


def _parse(item: Any, place: str) -> Layer:
    name, settings = _name_and_settings(item, place)
    kind = LAYERS.get(name)
    if kind is None:
        raise SpecError(f"{place}: unknown layer {name!r}{suggestion(name, list(LAYERS))}")
    if settings is None:
        settings = {}
    elif not isinstance(settings, Mapping):
        if kind.main is None:
            raise SpecError(f"{place} ({name}): {settings!r} is not a mapping of settings")
        settings = {kind.main: settings}
    return validate(kind, dict(settings), f"{place} ({name})")


def _name_and_settings(item: Any, place: str) -> tuple[str, Any]:
    if isinstance(item, str):
        return item, None
    if isinstance(item, Mapping) and len(item) == 1:
        ((name, settings),) = item.items()
        return str(name), settings
    raise SpecError(f"{place}: {item!r} is not one layer's name with its settings")


def _line(lines: Lines | None, place: Place) -> str:
    return f"line {lines[place]}: " if lines and place in lines else ""


def layer_to_item(layer: Layer) -> Any:
    """The layer as it would stand in a spec, with every setting written out."""
    settings = layer.model_dump(mode="json")
    return {layer.key: settings} if settings else layer.key
