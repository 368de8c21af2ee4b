"""What the fits of a search brought, for what follows them. Holds values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pigeonhole.automl.fits import ALL, HOLD_OUT, Tried
from pigeonhole.automl.leaderboard import LeaderboardRow, rows
from pigeonhole.automl.settings import AutomlSettings
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.automl.data import SearchData

Note = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What the fits brought, and what was made of it since.

    Attributes:
        settings: of the search.
        own: its data.
        folder: its own.
        space: the workspace.
        tried: the fits.
        ensembles: their rows.
        members: by the key of an ensemble, who is in it, and its scores.
        notes: what came up on the way.
    """

    settings: AutomlSettings
    own: SearchData
    folder: Path
    space: Workspace
    tried: Sequence[Tried]
    ensembles: tuple[LeaderboardRow, ...] = ()
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, settings: AutomlSettings, own: SearchData, folder: Path, space: Workspace, tried: Sequence[Tried]
    ) -> Found:
        """Before anything is made of the fits."""
        return cls(settings, own, folder, space, tried)

    @property
    def eligible(self) -> list[Tried]:
        """The fits of all images that have a bundle."""
        images = len(self.own.rows)
        part = HOLD_OUT if self.own.folds is None else ALL
        return [
            one for one in self.tried if one.is_ok and one.run_id and one.fit.images == images and one.fit.part == part
        ]

    def score(self, one: Tried) -> float:
        """The candidate's, over all its folds."""
        key = one.fit.candidate.key
        found = rows(self.tried, train_images=len(self.own.rows))
        return next(row.score or 0.0 for row in found if row.candidate == key)
