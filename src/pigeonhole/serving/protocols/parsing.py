"""JSON, and the checks of a request's keys that the protocols share. Converts no pixels."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import orjson

from pigeonhole.core.errors import UsageError

EXAMPLE = '{"data": [[0, 0, 127, …]]}'


def parse(body: bytes, example: str = "") -> Any:
    """The JSON in a body.

    Args:
        body: what shall be JSON.
        example: of what is accepted; empty means what /score accepts.

    Raises:
        UsageError: it is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    # What the quick parser refused: NaN and Infinity are let through here, so that they get a position.
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        if example:
            raise UsageError(f"the body is no JSON: {reason}", f"{example} in UTF-8", "correct the body") from None
        raise UsageError(
            f"the body is neither JSON nor a PNG or JPEG file: {reason}",
            f"{EXAMPLE} as JSON in UTF-8, or the bytes of one image file",
            "with curl, send a file unchanged by --data-binary @FILE",
        ) from None


def unknown(key: str, keys: Sequence[str]) -> str:
    """What is wrong with a key that is none of `keys`, with the nearest of them."""
    import difflib  # only a request that is refused pays for it

    close = difflib.get_close_matches(key, keys, n=1)
    return f"{short(key)}: unknown key{f' (did you mean {close[0]!r}?)' if close else ''}"


def unfit_count(name: str, value: Any, is_there: bool, max_images: int) -> list[str]:
    """What is wrong with a value that shall be a list of 1 to `max_images` images."""
    if not isinstance(value, list) or not value:
        return [f"{name}: {short(value) if is_there else 'missing'}, not a list of images"]
    return [f"{name}: {len(value):,} images, more than {max_images:,}"] if len(value) > max_images else []


def unfit_options(value: dict[str, Any], scales: Sequence[str]) -> list[str]:
    """What is wrong with `scale` and `invert`."""
    scale, invert = value.get("scale"), value.get("invert", False)
    problems = []
    if "scale" in value and scale not in scales:
        problems.append(f"scale: {short(scale)}, not {' or '.join(scales)}")
    if not isinstance(invert, bool):
        problems.append(f"invert: {short(invert)}, not true or false")
    return problems


def kind(value: Any) -> str:
    """What JSON calls a value that is no object."""
    names = {dict: "object", list: "list", str: "text", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def short(value: Any) -> str:
    """A value as JSON, cut to 40 characters."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:
        text = "a very long integer"
    return text if len(text) <= 40 else f"{text[:37]}…"
