"""What a trial of a sweep does: it trains a preset, or runs a user's command. Runs neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from pigeonhole.core.spec import Spec


class PresetTrial(Spec):
    """A preset, with the values of the search space as further settings.

    Attributes:
        model: the preset's key, or a `.yml` file of the same form, relative to the spec.
        settings: what is the same in all trials.
        seed: of the trainings; `None` for the sampling algorithm's.
    """

    model: str = Field(min_length=1)
    settings: dict[str, Any] = Field(default_factory=dict)
    seed: int | None = Field(None, ge=0, strict=True)


class CommandTrial(Spec):
    """A user's command, as on Azure ML.

    Attributes:
        command: with `${{inputs.x}}`, `${{search_space.x}}` and `${{outputs.x}}`.
        code: the folder of the script, relative to the spec; `None` for none.
        environment: Azure ML's; here the command runs in the environment of whoever starts the sweep.
        environment_variables: added for the command.
        resources: Azure ML's.
        distribution: Azure ML's.
    """

    command: str = Field(min_length=1)
    code: str | None = None
    environment: str | dict[str, Any] | None = None
    environment_variables: dict[str, str] = Field(default_factory=dict)
    resources: dict[str, Any] | None = None
    distribution: dict[str, Any] | None = None


def _tag(value: Any) -> str:
    if isinstance(value, Mapping):
        return "trial-command" if "command" in value else "trial-model"
    return "trial-command" if isinstance(value, CommandTrial) else "trial-model"


def _one_of_two(value: Any) -> Any:
    if isinstance(value, (PresetTrial, CommandTrial)):
        return value
    given = [key for key in ("model", "command") if isinstance(value, Mapping) and key in value]
    if len(given) != 1:
        raise ValueError(
            "a mapping is accepted with either model (a preset, and its settings) or command (and the code it runs)"
        )
    return value


Trial = Annotated[
    Annotated[PresetTrial, Tag("trial-model")] | Annotated[CommandTrial, Tag("trial-command")],
    Discriminator(_tag),
    BeforeValidator(_one_of_two),
]
