"""A user's own score.py: its folder kept whole and checked, and run in a process of its own. Knows no HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.scripts.asking import Answer, Question, Unanswered
    from pigeonhole.scripts.folder import Script, is_registered, is_script, load, sha256_of, write
    from pigeonhole.scripts.runner import Runner

__all__ = [
    "Answer",
    "Question",
    "Runner",
    "Script",
    "Unanswered",
    "is_registered",
    "is_script",
    "load",
    "sha256_of",
    "write",
]
_HOME = {
    "Answer": "asking",
    "Question": "asking",
    "Runner": "runner",
    "Script": "folder",
    "Unanswered": "asking",
    "is_registered": "folder",
    "is_script": "folder",
    "load": "folder",
    "sha256_of": "folder",
    "write": "folder",
}

__getattr__ = lazy(__name__, _HOME)
