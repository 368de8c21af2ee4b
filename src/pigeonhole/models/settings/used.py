"""Which fields a named choice has, where several choices share one spec: a field of another choice is a mistake."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

Uses = Mapping[str, Collection[str]]


def refuse_unused(uses: Uses, default: Any, value: Any, info: ValidationInfo) -> Any:
    """The value itself, unless it was set to something and the choice in `name` has no such field.

    A value equal to the default is let through, so that a spec whose every field is written out can be read back.

    Args:
        uses: name → the fields that this choice has.
        default: the field's default.
        value: what it was set to.
        info: the field's name, and `name` as validated before it.
    """
    name = info.data.get("name")
    if name is None or info.field_name in {"name", *uses[name]} or value == default:
        return value
    raise PydanticCustomError("unused", f"not used by {name}, which has {', '.join(uses[name])}")


def without_left_over(own: Mapping[str, Any], over: Mapping[str, Any], section: str, uses: Uses) -> dict[str, Any]:
    """`own`, less the fields of a section that belong to a choice which `over` replaces by one that lacks them.

    So `optimizer.name=adam` over a preset with SGD's momentum is no mistake, while asking for both is.

    Args:
        own: a preset's training, as it stands in its file.
        over: what is laid over it.
        section: `optimizer`, `schedule`.
        uses: name → the fields that this choice has.
    """
    mine, theirs = own.get(section), over.get(section)
    if not isinstance(mine, Mapping) or not isinstance(theirs, Mapping) or theirs.get("name") not in uses:
        return dict(own)
    kept = {"name", *uses[theirs["name"]]}
    return {**own, section: {field: value for field, value in mine.items() if field in kept}}
