"""Errors of a script in words, for the log: its own lines, without those that called it."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType

_OURS = str(Path(__file__).parent)


def tell(what: str, error: BaseException) -> None:
    """Writes what happened and the traceback to stderr, in one piece."""
    lines = traceback.format_exception(error.with_traceback(_below(error.__traceback__)))
    sys.stderr.write(f"{what}\n{''.join(lines)}")
    sys.stderr.flush()


def said(error: BaseException) -> str:
    """`ValueError: the text`, in one line."""
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]


def _below(found: TracebackType | None) -> TracebackType | None:
    """The traceback from the script on; the whole one where the script has no line in it."""
    first = found
    while first is not None:
        file = first.tb_frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen importlib")):
            return first
        first = first.tb_next
    return found
