"""`automl` as people ask for it, in Python and on the command line: a dataset or a spec, and a few words on top."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pigeonhole.automl.settings import AutomlSettings, from_command
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.automl.outcome import AutomlOutcome
from pigeonhole.workflows.automl.search import AutomlView
from pigeonhole.workflows.automl.search import automl as search


def automl(
    asked: str | Path | Mapping[str, Any] | AutomlSettings,
    *,
    budget: float | str | None = None,
    metric: str | None = None,
    folds: int | str | None = None,
    allow: Iterable[str] | str = (),
    block: Iterable[str] | str = (),
    seed: int | None = None,
    settings: Sequence[str] | Mapping[str, Any] = (),
    workspace: Workspace | str | Path | None = None,
    view: AutomlView | None = None,
    age_s: float = 0.0,
) -> AutomlOutcome:
    """The best model within a budget. The same call goes on with a search that was interrupted, or gets more time.

    Args:
        asked: a dataset, as `NAME` or `NAME:VERSION`; a YAML file of `type: automl`, or its content.
        budget: seconds, or a duration such as `20m`, for everything; `None` for the spec's, or 20 minutes.
        metric: the primary metric, one of Azure ML's five.
        folds: of cross-validation, or `auto`; `None` for the dataset's validation split.
        allow: the algorithms that may be tried: Azure ML's names, presets, or `networks`.
        block: those that may not.
        seed: from which all randomness follows.
        settings: more keys of the spec, as `section.key=value` or as a mapping.
        workspace: where the dataset is and the runs go.
        view: told of every change.
        age_s: seconds that whoever calls has taken already; they count.

    Raises:
        SpecError: something asked for is wrong, all problems at once.
        NotFoundError: there is no such dataset.
        ConflictError: another process runs this very search.
        BudgetError: the budget ran out before there was a model.
        TrainingError: nothing could be fitted.
    """
    start = time.perf_counter()
    if isinstance(asked, AutomlSettings):
        wanted = asked
    else:
        words: dict[str, Any] = {"budget": budget, "metric": metric, "folds": folds, "allow": allow, "block": block}
        wanted = from_command(asked, **words, seed=seed, settings=settings)
    # Reading is a part of the budget too.
    return search(settings=wanted, workspace=workspace, view=view, age_s=age_s + time.perf_counter() - start)
