"""`${{inputs.x}}`, `${{search_space.x}}` and `${{outputs.x}}` in a command: found, and replaced by values."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

SECTIONS = ("inputs", "search_space", "outputs")
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_EXPRESSION = re.compile(r"\$\{\{\s*(?P<section>[A-Za-z_]+)\.(?P<name>[^{}\s]+?)\s*\}\}")
_ANY_EXPRESSION = re.compile(r"\$\{\{(?P<inside>.*?)\}\}")
_SINGLE_BRACE = re.compile(r"(?<![{$])\{\s*(?P<reference>(?:inputs|search_space|outputs)\.[a-zA-Z_]\w*)\s*\}(?!\})")
_OPTIONAL = re.compile(r"\$\[\[(?P<inside>.*?)\]\]", re.DOTALL)

Reference = tuple[str, str]


def modern(command: str) -> str:
    """The command with the old form `{inputs.x}` written as `${{inputs.x}}`, as Azure ML does."""
    return _SINGLE_BRACE.sub(lambda found: f"${{{{{found['reference']}}}}}", command)


def references(command: str) -> list[Reference]:
    """The `(section, name)` of every expression outside of optional parts, in order."""
    return _references(_OPTIONAL.sub("", modern(command)))


def optional_references(command: str) -> list[Reference]:
    """The same for the expressions within `$[[…]]`, which may stay unbound."""
    return [reference for part in _OPTIONAL.finditer(modern(command)) for reference in _references(part["inside"])]


def unreadable(command: str) -> list[str]:
    """What stands within `${{ }}` and is no `section.name`."""
    found = _ANY_EXPRESSION.finditer(modern(command))
    return [part["inside"].strip() for part in found if not _EXPRESSION.fullmatch(part[0])]


def render(command: str, bound: Mapping[str, Mapping[str, Any]]) -> str:
    """The command line with every expression replaced by its value.

    A shell takes each value as it is, as one word or part of one: outside of quotes it is quoted where it needs it,
    within quotes the characters that mean something there are escaped. A `$[[…]]` stays, without its brackets, if all
    that it refers to is bound, and goes otherwise.

    Args:
        command: as in the spec.
        bound: by section (`inputs`, `search_space`, `outputs`), the values by name.

    Raises:
        KeyError: an expression outside of optional parts that is not bound; `read_sweep` lets none through.
    """
    kept = _OPTIONAL.sub(lambda part: part["inside"] if _all_bound(part["inside"], bound) else "", modern(command))
    pieces: list[str] = []
    end = 0
    quote = ""
    for found in _EXPRESSION.finditer(kept):
        between = kept[end : found.start()]
        quote = _quote_after(between, quote)
        text = _as_text(bound[found["section"]][found["name"]])
        pieces += [between, _quoted(text, quote)]
        end = found.end()
    return "".join([*pieces, kept[end:]])


def _references(text: str) -> list[Reference]:
    return [(found["section"], found["name"]) for found in _EXPRESSION.finditer(text)]


def _all_bound(text: str, bound: Mapping[str, Mapping[str, Any]]) -> bool:
    return all(name in bound.get(section, {}) for section, name in _references(text))


def _as_text(value: Any) -> str:
    """A text as it is; anything else as JSON has it, so that `true` and mappings read the same everywhere."""
    return value if isinstance(value, str) else json.dumps(value)


def _quoted(text: str, quote: str) -> str:
    """The text so that a shell takes it as it is, where that quote (none, ' or ") is open."""
    if quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", text)
    return text.replace("'", "'\"'\"'") if quote else shlex.quote(text)


def _quote_after(text: str, quote: str) -> str:
    """The shell quote that is open after `text`, when `quote` was open before it."""
    chars = iter(text)
    for char in chars:
        if char == "\\" and quote != "'":
            next(chars, None)
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
    return quote
