"""What a spec of a sampling algorithm is, and what it gets to make a sampler. Suggests nothing itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from pigeonhole.core.spec import Spec
from pigeonhole.sweep.distributions import Distribution
from pigeonhole.sweep.space import SearchSpace
from pigeonhole.sweep.trial import Goal, Sampler

Place = tuple[str | int, ...]
# Where in the spec, and what is wrong there.
Problem = tuple[Place, str]


@dataclass(frozen=True)
class Setting:
    """What a sampler works on.

    Attributes:
        space: the parameters.
        goals: of the objectives, in order.
        at_a_time: how many trials may run at once; 1 where nothing is said. Only a sampler that waits may use it.
        total: how many trials there are at most.
    """

    space: SearchSpace
    goals: Sequence[Goal]
    at_a_time: int
    total: int


class SamplingAlgorithm(Spec, ABC):
    """How trials are chosen, as the spec says it.

    Attributes:
        type: its key.
        seed: the number from which all of its randomness follows.
        stoppable: whether it can learn from trials that a policy stopped.
    """

    type: str
    stoppable: ClassVar[bool] = True
    seed: int = Field(0, ge=0, strict=True)

    @property
    def waits(self) -> bool:
        """Whether what it suggests depends on how many trials run at once."""
        return False

    def problems(self, setting: Setting) -> Iterable[Problem]:
        """Why it cannot search that space."""
        del setting
        return ()

    def notes(self, setting: Setting) -> Iterable[str]:
        """What is worth knowing before it starts."""
        del setting
        return ()

    @abstractmethod
    def sampler(self, setting: Setting) -> Sampler:
        """The sampler, for a setting without problems."""


def refused(setting: Setting, accepted: Sequence[type[Distribution]], reason: str) -> list[Problem]:
    """A problem for each parameter whose distribution is none of the accepted."""
    keys = ", ".join(str(kind.model_fields["type"].default) for kind in accepted)
    return [
        (
            ("search_space", name),
            f"{distribution.type}: {reason}; {keys} {'is' if len(accepted) == 1 else 'are'} accepted",
        )
        for name, distribution in setting.space.parameters.items()
        if not isinstance(distribution, tuple(accepted))
    ]


def as_key(values: Any) -> str:
    """Values as a text that is the same for the same values."""
    import json

    return json.dumps(values, sort_keys=True)
