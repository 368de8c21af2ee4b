"""How results reach the terminal: stdout carries the result (a table, or JSON), stderr everything else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pigeonhole.core.errors import PigeonholeError

_WIDE = 400
_NUMBER = re.compile(r"|[\d.,%]+(?: ?[KMG]?i?B)?(?:e-\d+)?")


def print_json(value: Any) -> None:
    """The result as JSON on stdout."""
    print_text(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_text(text: str) -> None:
    """The result as text on stdout, at once, so that it stands in order with what stderr says."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """A titled list of names and values on stdout, values of several lines indented; `None` is left out."""
    shown = {name: value for name, value in facts.items() if value is not None}
    width = max((len(name) for name in shown), default=0)
    lines = [title] if title else []
    indent = "\n" + " " * (width + 4)
    lines += [f"  {name:<{width}}  {str(value).replace(chr(10), indent)}" for name, value in shown.items()]
    print_text("\n".join(lines))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """A table on stdout, numbers to the right; `empty` is what to say where there is no row."""
    if not rows:
        print_text(empty)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = all(_NUMBER.fullmatch("" if row[index] is None else str(row[index])) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=True)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    terminal = sys.stdout.isatty()
    # Never narrower than its content: an id or a figure cut short cannot be copied, or is misread.
    Console(file=sys.stdout, width=_WIDE, highlight=False, no_color=not terminal).print(table)


def say(text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(text.rstrip("\n") + "\n")


def suggest(command: str) -> None:
    """The next sensible command, on stderr."""
    say(f"next: {command}")


def print_error(error: PigeonholeError) -> None:
    """An error in its three parts, on stderr."""
    say(f"error: {error}")


def percent(share: float | None, digits: int = 2) -> str | None:
    """0.9941 → `99.41%`."""
    return None if share is None else f"{share:.{digits}%}"


def interval(value: Mapping[str, float]) -> str:
    """`{value, low, high}` → `99.41% (95% interval 99.24–99.54%)`."""
    return f"{value['value']:.2%} (95% interval {100 * value['low']:.2f}–{100 * value['high']:.2f}%)"


def size(size_bytes: float) -> str:
    """1536 → `1.5 KiB`."""
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"
