"""The one error tree. Every message says what was received, what is accepted and what to do next.

PigeonholeError            exit  HTTP   meaning
├── UsageError                2   400   an argument, name or option is wrong
│   ├── SpecError             2   422   a YAML spec or a --set value is wrong
│   │   └── ParameterError    2   422   a constructor argument is wrong; also a ValueError, as scikit-learn expects
│   ├── NotFoundError         2   404   a named thing does not exist
│   └── ConflictError         2   409   somebody else is writing it, or still needs it
├── DataError                 3   422   images, labels or files that cannot be used
│   └── ArrayError            3   422   an X or y cannot be used; also a ValueError, as scikit-learn expects
├── MissingDependencyError    4   501   an optional package is not installed
├── UnavailableError          1   503   a part that is needed does not answer now, and may later
├── BudgetError               5   504   time or memory ran out before there was a result
├── GateError                 6   409   a check refused, or an alarm is raised
└── TrainingError             1   500   training cannot go on (NaN loss, a checkpoint not written)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

SHOWN_PROBLEMS = 10


class PigeonholeError(Exception):
    """What went wrong, in three parts.

    Args:
        received: what came, with its place (file, row, column) where there is one.
        accepted: what would have been accepted.
        remedy: what to do next.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, received: str, accepted: str = "", remedy: str = "") -> None:
        super().__init__(received, accepted, remedy)
        self.received = received
        self.accepted = accepted
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.received]
        if self.accepted:
            parts.append(f"accepted: {self.accepted}")
        if self.remedy:
            parts.append(f"next: {self.remedy}")
        return "\n".join(parts)


class UsageError(PigeonholeError):
    """An argument, name or option is wrong."""

    exit_code = 2
    http_status = 400


class SpecError(UsageError):
    """A YAML spec or a --set value is wrong."""

    http_status = 422


class ParameterError(SpecError, ValueError):
    """A constructor argument is wrong; a `ValueError` too, which is what scikit-learn's callers catch."""


class NotFoundError(UsageError):
    """A named thing does not exist."""

    http_status = 404


class ConflictError(UsageError):
    """Somebody else is writing the thing, or something still needs it."""

    http_status = 409


class DataError(PigeonholeError):
    """Images, labels or files that cannot be used."""

    exit_code = 3
    http_status = 422


class ArrayError(DataError, ValueError):
    """An X or y cannot be used; a `ValueError` too, which is what scikit-learn's callers catch."""


class MissingDependencyError(PigeonholeError):
    """An optional package is not installed."""

    exit_code = 4
    http_status = 501


class UnavailableError(PigeonholeError):
    """A part that is needed (a database, a process) does not answer now, and may later."""

    http_status = 503


class BudgetError(PigeonholeError):
    """Time or memory ran out before there was a result."""

    exit_code = 5
    http_status = 504


class GateError(PigeonholeError):
    """A check refused, or an alarm is raised."""

    exit_code = 6
    http_status = 409


class TrainingError(PigeonholeError):
    """Training cannot go on."""


def listing(problems: Sequence[str], total: int | None = None) -> str:
    """The first ten problems, one a line, and how many more there are.

    Args:
        problems: the problems in the order they stand in the file.
        total: how many there are in all, where not all were kept; `None` means `len(problems)`.
    """
    total = len(problems) if total is None else total
    lines = list(problems[:SHOWN_PROBLEMS])
    if total > len(lines):
        lines.append(f"… and {total - len(lines):,} more")
    return "\n".join(f"  {line}" for line in lines)
