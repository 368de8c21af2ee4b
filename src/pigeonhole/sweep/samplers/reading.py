"""All sampling algorithms by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Tag

from pigeonhole.sweep.choosing import by_type, tag_of
from pigeonhole.sweep.samplers.base import SamplingAlgorithm
from pigeonhole.sweep.samplers.bayesian import Bayesian
from pigeonhole.sweep.samplers.coarse_to_fine import CoarseToFine
from pigeonhole.sweep.samplers.grid import Grid
from pigeonhole.sweep.samplers.random import Random

SAMPLING_ALGORITHMS: Mapping[str, type[SamplingAlgorithm]] = {
    "random": Random,
    "grid": Grid,
    "bayesian": Bayesian,
    "coarse-to-fine": CoarseToFine,
}

AnySamplingAlgorithm = Annotated[
    Annotated[Random, Tag("type-random")]
    | Annotated[Grid, Tag("type-grid")]
    | Annotated[Bayesian, Tag("type-bayesian")]
    | Annotated[CoarseToFine, Tag("type-coarse-to-fine")],
    Discriminator(tag_of),
    BeforeValidator(by_type("a sampling algorithm", list(SAMPLING_ALGORITHMS))),
]
