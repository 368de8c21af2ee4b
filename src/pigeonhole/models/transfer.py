"""What is known of a timm layer before training: its sizes, and what makes a spec of it whole. No torch here itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pigeonhole.core.files import sha256_file
from pigeonhole.models.layers import Layer
from pigeonhole.models.layers.transfer import Timm
from pigeonhole.models.waiting import require_torch


def measured(name: str, size: tuple[int, int]) -> tuple[int, int, int]:
    """Features, parameters and other kept numbers of a timm model for images of a height and width, in pixels.

    Raises:
        MissingDependencyError: torch or timm is not installed.
        ShapeProblem: it does not take such images.
    """
    require_torch()
    from pigeonhole.models.networks.transfer.timm_models import measure

    found = measure(name, size)
    return found.features, found.n_parameters, found.n_statistics


def refuse_unknown(name: str) -> None:
    """Refuses a name that timm does not have.

    Raises:
        MissingDependencyError: torch or timm is not installed.
        NotFoundError: no such model; the closest name is suggested.
    """
    require_torch()
    from pigeonhole.models.networks.transfer.timm_models import refuse_unknown as refuse

    refuse(name)


def made_whole(layers: Sequence[Layer], problems: list[str]) -> list[Layer]:
    """The layers, each of timm with the hash of its weights' file and the normalisation that belongs to them.

    So a spec tells one training from another, even where a file has changed under its name.

    Args:
        layers: of one spec.
        problems: what is wrong is added.

    Raises:
        MissingDependencyError: torch or timm is not installed.
    """
    return [
        _whole(layer, f"layer {number} (timm)", problems) if isinstance(layer, Timm) else layer
        for number, layer in enumerate(layers, start=1)
    ]


def _whole(layer: Timm, place: str, problems: list[str]) -> Timm:
    require_torch()
    from pigeonhole.models.networks.transfer import timm_models

    problem = timm_models.name_problem(layer.name)
    if problem is None and (layer.mean is None) != (layer.sd is None):
        problem = "mean and sd belong together; give both or none"
    if problem is None and not layer.has_weights:
        if layer.freeze:
            problem = "freeze: true without weights would keep random numbers; give a file of weights, or freeze: false"
        elif layer.sha256 or layer.mean:
            problem = "sha256, mean and sd belong to weights; give a file of weights, or leave them out"
    if problem is not None:
        problems.append(f"{place}: {problem}")
    elif layer.has_weights:
        return _with_weights(layer, place, problems)
    return layer


def _with_weights(layer: Timm, place: str, problems: list[str]) -> Timm:
    from pigeonhole.models.networks.transfer import timm_models

    path = Path(layer.weights).expanduser().absolute()  # a link stays a link: its name may be all that has a suffix
    if not path.is_file():
        problems.append(
            f"{place}: no file of weights at {path}; nothing is downloaded: {timm_models.where_published(layer.name)}"
        )
        return layer
    sha256 = sha256_file(path)
    if layer.sha256 not in {"", sha256}:
        problems.append(f"{place}: {path} has the SHA-256 {sha256}, and the spec asks for {layer.sha256}")
    mean, sd = timm_models.normalization(layer.name)
    return layer.model_copy(
        update={"weights": str(path), "sha256": sha256, "mean": layer.mean or mean, "sd": layer.sd or sd}
    )
