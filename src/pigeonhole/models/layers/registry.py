"""All layers by name, and a layer list read from a spec with every problem in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pigeonhole.core.errors import SpecError
from pigeonhole.core.spec import Lines, Place, suggestion, validate
from pigeonhole.models.layers.anywhere import Activation, Dropout
from pigeonhole.models.layers.base import Activation as ActivationName
from pigeonhole.models.layers.base import Layer
from pigeonhole.models.layers.base import layer_to_item as layer_to_item
from pigeonhole.models.layers.convolution import Conv2D, DepthwiseConv2D, SeparableConv2D
from pigeonhole.models.layers.flat import Dense, Flatten
from pigeonhole.models.layers.normalization import BatchNormalization, LayerNormalization
from pigeonhole.models.layers.padding import PadTo
from pigeonhole.models.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from pigeonhole.models.layers.residual import Residual
from pigeonhole.models.layers.transfer import Timm

LAYERS: Mapping[str, type[Layer]] = {
    layer.key: layer
    for layer in (
        Conv2D,
        DepthwiseConv2D,
        SeparableConv2D,
        MaxPooling2D,
        AveragePooling2D,
        GlobalMaxPooling2D,
        GlobalAveragePooling2D,
        Flatten,
        Dense,
        Activation,
        BatchNormalization,
        LayerNormalization,
        Dropout,
        Residual,
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
    problems: list[str] = []
    return _parse_list(items, _Spot(("layers",), "", lines or {}), problems), problems


@dataclass(frozen=True)
class _Spot:
    """A place in a spec: as a path into the file, and in words."""

    path: Place
    words: str
    lines: Lines

    def item(self, index: int) -> _Spot:
        return _Spot((*self.path, index), f"{self.words}layer {index + 1}", self.lines)

    def inside(self, *names: str) -> _Spot:
        return _Spot((*self.path, *names), f"{self.words} ({names[0]}), ", self.lines)

    def __str__(self) -> str:
        return f"line {self.lines[self.path]}: {self.words}" if self.path in self.lines else self.words


def _parse_list(items: Any, spot: _Spot, problems: list[str]) -> list[Layer]:
    if not isinstance(items, list) or not items:
        problems.append(f"{spot}layers: a list of at least one layer is needed")
        return []
    layers: list[Layer] = []
    for index, item in enumerate(items):
        try:
            layers.append(_parse(item, spot.item(index), problems))
        except SpecError as error:
            problems.append(error.received)
    return layers


def _parse(item: Any, spot: _Spot, problems: list[str]) -> Layer:
    name, settings = _name_and_settings(item, spot)
    kind = LAYERS.get(name)
    if kind is None:
        hint = f"; write `activation: {name}`" if name in get_args(ActivationName) else suggestion(name, list(LAYERS))
        raise SpecError(f"{spot}: unknown layer {name!r}{hint}")
    plain = settings is not None and not isinstance(settings, Mapping)
    if plain:
        if kind.main is None:
            raise SpecError(f"{spot} ({name}): {settings!r} is not a mapping of settings")
        settings = {kind.main: settings}
    settings = dict(settings or {})
    if kind is Residual and "layers" in settings:
        inner = _parse_list(settings["layers"], spot.inside(name) if plain else spot.inside(name, "layers"), problems)
        # What is wrong with them is told already; the block's own settings are to be checked all the same.
        settings["layers"] = inner or [Flatten()]
    return validate(kind, settings, f"{spot} ({name})")


def _name_and_settings(item: Any, spot: _Spot) -> tuple[str, Any]:
    if isinstance(item, str):
        return item, None
    if isinstance(item, Mapping) and len(item) == 1:
        ((name, settings),) = item.items()
        return str(name), settings
    raise SpecError(f"{spot}: {item!r} is not one layer's name with its settings")
