"""The closest known name to a misspelt one, for messages. Imports nothing heavy, so that every room may use it."""

from __future__ import annotations

from collections.abc import Sequence


def suggestion(name: str, known: Sequence[str]) -> str:
    """` (did you mean 'x'?)` for the closest known name, or nothing where none is close."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
