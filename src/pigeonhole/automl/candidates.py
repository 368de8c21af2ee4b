"""What a search tries: presets with settings, by their names. Says nothing about when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pigeonhole.models.spec import Scalar

Kind = Literal["network", "estimator"]


@dataclass(frozen=True)
class Candidate:
    """A preset with settings.

    Attributes:
        key: unique in the search: `svm-rbf@pca`, `cnn`, `cnn#2` for the second of its kind.
        preset: the preset's key.
        kind: `network` or `estimator`.
        name: as users know it: `MinMaxScaler, SVM`.
        settings: of the preset, where they are not its defaults.
    """

    key: str
    preset: str
    kind: Kind
    name: str
    settings: Mapping[str, Scalar] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON that `from_dict` reads back."""
        return {**vars(self), "settings": dict(self.settings)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Candidate:
        """What `to_dict` wrote."""
        return cls(**value)


# Networks from the cheapest to the most accurate. Others join where a user asks for them by name.
NETWORKS = ("cnn-fast", "cnn", "cnn-best")
# An estimator with the scalers that make a difference to it: trees and neighbours know no difference but turns. Others
# join here too where a user names them.
ESTIMATORS: Mapping[str, tuple[str, ...]] = {
    "logistic-regression": ("none", "standard", "pca"),
    "linear-svm": ("none", "standard"),
    "sgd": ("none", "standard"),
    "gaussian-naive-bayes": ("pca",),
    "multinomial-naive-bayes": ("none",),
    "bernoulli-naive-bayes": ("none",),
    "knn": ("none",),
    "svm-rbf": ("none", "standard"),
    "extra-trees": ("none",),
    "random-forest": ("none",),
    "lightgbm": ("none",),
    "xgboost": ("none",),
    "mlp": ("none", "pca"),
}
# The same estimator in other settings, where these are known to matter.
VARIANTS: Mapping[str, tuple[str, Mapping[str, Scalar]]] = {
    "svm-rbf@shifts": ("with shifted images", {"virtual_shifts": 4}),
    "svm-rbf@shifts-70": (
        "with shifted images, 70 components",
        {"virtual_shifts": 4, "pca_components": 70, "gamma": 1.5},
    ),
}


def estimators(
    wanted: Callable[[str], bool],
    name_of: Callable[[str, Mapping[str, Scalar]], str],
    featurization: bool,
    asked_for: Collection[str] = (),
) -> Iterator[Candidate]:
    """The estimators of a search.

    Args:
        wanted: whether a preset may be tried.
        name_of: what users call a preset with such settings.
        featurization: whether scalers and principal components may stand before them.
        asked_for: estimators that a user named.
    """
    others = {preset: ("none",) for preset in asked_for if preset not in ESTIMATORS}
    for preset, scalers in {**ESTIMATORS, **others}.items():
        if not wanted(preset):
            continue
        for scaler in scalers if featurization else ("none",):
            settings: dict[str, Scalar] = {} if scaler == "none" else {"scaler": scaler}
            key = preset if scaler == "none" else f"{preset}@{scaler}"
            yield Candidate(key, preset, "estimator", name_of(preset, settings), settings)
    for key, (told, values) in VARIANTS.items():
        preset = key.partition("@")[0]
        if wanted(preset):
            yield Candidate(key, preset, "estimator", f"{name_of(preset, values)} {told}", values)


def networks(wanted: Callable[[str], bool], asked_for: Collection[str]) -> list[str]:
    """The presets of networks that a search may train.

    Args:
        wanted: whether a preset may be tried.
        asked_for: networks that a user named.
    """
    return [preset for preset in dict.fromkeys([*NETWORKS, *asked_for]) if wanted(preset)]


def numbered(preset: str, taken: Collection[str]) -> str:
    """A key for one more candidate of a preset: `cnn`, then `cnn#2`, …"""
    if preset not in taken:
        return preset
    number = 2
    while f"{preset}#{number}" in taken:
        number += 1
    return f"{preset}#{number}"
