"""All distributions by name, and one read from a spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag, TypeAdapter, ValidationError

from pigeonhole.core.spec import problems_of
from pigeonhole.sweep.choosing import by_type, tag_of
from pigeonhole.sweep.distributions.base import Distribution
from pigeonhole.sweep.distributions.choice import Choice
from pigeonhole.sweep.distributions.log_uniform import LogUniform, QLogUniform
from pigeonhole.sweep.distributions.normal import LogNormal, Normal, QLogNormal, QNormal
from pigeonhole.sweep.distributions.randint import RandInt
from pigeonhole.sweep.distributions.uniform import QUniform, Uniform

DISTRIBUTIONS: Mapping[str, type[Distribution]] = {
    "choice": Choice,
    "randint": RandInt,
    "uniform": Uniform,
    "quniform": QUniform,
    "loguniform": LogUniform,
    "qloguniform": QLogUniform,
    "normal": Normal,
    "qnormal": QNormal,
    "lognormal": LogNormal,
    "qlognormal": QLogNormal,
}

AnyDistribution = Annotated[
    Annotated[Choice, Tag("type-choice")]
    | Annotated[RandInt, Tag("type-randint")]
    | Annotated[Uniform, Tag("type-uniform")]
    | Annotated[QUniform, Tag("type-quniform")]
    | Annotated[LogUniform, Tag("type-loguniform")]
    | Annotated[QLogUniform, Tag("type-qloguniform")]
    | Annotated[Normal, Tag("type-normal")]
    | Annotated[QNormal, Tag("type-qnormal")]
    | Annotated[LogNormal, Tag("type-lognormal")]
    | Annotated[QLogNormal, Tag("type-qlognormal")],
    Discriminator(tag_of),
    BeforeValidator(by_type("a distribution", list(DISTRIBUTIONS))),
]


def read_distribution(value: Any, name: str) -> Distribution:
    """The distribution that a mapping with a `type` describes.

    Raises:
        ValueError: all that is wrong with it, with `name` as its place.
    """
    try:
        read: Distribution = TypeAdapter(AnyDistribution).validate_python(value)
    except ValidationError as error:
        problems = problems_of(error, DISTRIBUTIONS.get(str(dict(value).get("type")), Distribution))
        raise ValueError("; ".join(f"{name}.{problem}" for problem in problems)) from error
    return read
