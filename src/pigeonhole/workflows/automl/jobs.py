"""The jobs of a search: what all of them are given, and how their ends are heard. Runs nothing itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pigeonhole.automl.fits import Fit
from pigeonhole.automl.settings import AutomlSettings
from pigeonhole.automl.settings.durations import shown
from pigeonhole.compute.job import Compute, Event, Job
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.automl.data import SearchData
from pigeonhole.workflows.automl.fits import FUNCTION


def shared_arguments(settings: AutomlSettings, own: SearchData, folder: Path, space: Workspace) -> dict[str, Any]:
    """What every job of a search is given."""
    return {
        "workspace": str(space.root),
        "dataset": own.source.ref,
        "folds": own.folds,
        "seed": own.seed,
        "stack_share": own.stack_share,
        "folder": str(folder),
        "search": folder.name,
        "command": command(settings, own.source.ref),
        "metric": settings.primary_metric,
    }


def command(settings: AutomlSettings, dataset: str) -> str:
    """The line that makes the search again."""
    words = ["pigeonhole", "automl", dataset, "--budget", shown(settings.budget_s), "--seed", str(settings.seed)]
    words += ["--metric", settings.primary_metric]
    words += [] if settings.folds is None else ["--folds", str(settings.folds)]
    words += ["--allow", ",".join(sorted(settings.allowed))] if settings.allowed else []
    words += ["--block", ",".join(sorted(settings.blocked))] if settings.blocked else []
    return shlex.join(words)


def fit_job(fit: Fit, left_s: float, every: Mapping[str, Any], log: Path) -> Job:
    """The job of a fit that must have ended after `left_s`."""
    arguments = {**every, "candidate": fit.candidate.to_dict(), "images": fit.images, "part": fit.part}
    return Job(fit.key, log, FUNCTION, {**arguments, "left_s": left_s})


def events_of(compute: Compute, keys: Iterable[str]) -> Sequence[Event]:
    """What happens next; an interruption leaves none of these jobs behind."""
    try:
        return compute.events(None)
    except KeyboardInterrupt:
        for key in keys:
            compute.cancel(key)
        while compute.free < compute.slots:
            compute.events(None)
        raise
