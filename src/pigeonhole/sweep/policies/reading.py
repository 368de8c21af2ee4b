"""All termination policies by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Tag

from pigeonhole.sweep.choosing import by_type, tag_of
from pigeonhole.sweep.policies.bandit import Bandit
from pigeonhole.sweep.policies.base import EarlyTermination
from pigeonhole.sweep.policies.hyperband import Hyperband
from pigeonhole.sweep.policies.median_stopping import MedianStopping
from pigeonhole.sweep.policies.truncation_selection import TruncationSelection

POLICIES: Mapping[str, type[EarlyTermination]] = {
    "bandit": Bandit,
    "median_stopping": MedianStopping,
    "truncation_selection": TruncationSelection,
    "hyperband": Hyperband,
}

AnyEarlyTermination = Annotated[
    Annotated[Bandit, Tag("type-bandit")]
    | Annotated[MedianStopping, Tag("type-median_stopping")]
    | Annotated[TruncationSelection, Tag("type-truncation_selection")]
    | Annotated[Hyperband, Tag("type-hyperband")],
    Discriminator(tag_of),
    BeforeValidator(by_type("a termination policy", list(POLICIES))),
]
