"""Things of a spec that are chosen by their `type`: a name in kebab or snake case, with the closest one for a mistake.

Knows none of them; a union of specs names its members `Tag("type-KEY")`, which stays out of the places in messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from pigeonhole.core.closest import suggestion

Plain = dict[str, Any]


def tag_of(value: Any) -> str | None:
    """The tag of a union's member: `type-` and its key."""
    key = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return None if key is None else f"type-{key}"


def by_type(kind: str, keys: Sequence[str]) -> Callable[[Any], Any]:
    """A validator that runs before a union's: a name alone becomes `{type: name}`, and an unknown one is refused.

    Args:
        kind: what is chosen, in words (`a distribution`).
        keys: the accepted types; the spelling with the other of `-` and `_` is read as them.
    """
    spelled = {key.replace("-", "_"): key for key in keys}

    def check(value: Any) -> Any:
        if isinstance(value, BaseModel):
            return value
        chosen = {"type": value} if isinstance(value, str) else value
        if not isinstance(chosen, Mapping) or "type" not in chosen:
            raise ValueError(f"{kind} is accepted: a mapping whose type is one of {', '.join(keys)}")
        name = chosen["type"]
        key = spelled.get(str(name).replace("-", "_"))
        if key is None:
            close = suggestion(str(name), [*keys, *spelled])
            raise ValueError(f"{kind} of unknown type {name!r}{close}; accepted: {', '.join(keys)}")
        return {**chosen, "type": key}

    return check
