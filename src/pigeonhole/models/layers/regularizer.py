"""L1 and L2 penalties on a kernel, as in Keras: how strong they are. The sum itself is taken in `networks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pigeonhole.core.spec import Spec, suggestion

Strength = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# Keras documents 0.01 for each name. Its own `l1_l2` is known to the documentation alone (3.15.1 refuses the text).
NAMED: Mapping[str, Mapping[str, float]] = {"l1": {"l1": 0.01}, "l2": {"l2": 0.01}, "l1_l2": {"l1": 0.01, "l2": 0.01}}


class Regularizer(Spec):
    """`kernel_regularizer: {l1: 0.0, l2: 0.0001}`, or one of the names `l1`, `l2`, `l1_l2`.

    The training loss grows by l1·Σ|w| + l2·Σw² (without a half), as in Keras.

    Attributes:
        l1: the weight of the sum of magnitudes.
        l2: the weight of the sum of squares.
    """

    l1: Strength = 0.0
    l2: Strength = 0.0

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value not in NAMED:
            accepted = f"{', '.join(NAMED)} or {{l1: NUMBER, l2: NUMBER}} is accepted{suggestion(value, list(NAMED))}"
            raise PydanticCustomError("regularizer", "{accepted}", {"accepted": accepted})
        return NAMED[value]
