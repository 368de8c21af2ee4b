"""How the learning rate goes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pigeonhole.core.spec import Spec
from pigeonhole.models.settings.numbers import Share


class Schedule(Spec):
    """How the learning rate goes over the whole training, as a share of the optimizer's.

    Attributes:
        name: `constant`; `one-cycle` (a line up, half a cosine down) or `linear` (a line up, a line down).
        warmup: share of all steps on the way up.
        final: the share of the learning rate that is left at the end.
    """

    name: Literal["constant", "one-cycle", "linear"] = "constant"
    warmup: Share = 0.0
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
