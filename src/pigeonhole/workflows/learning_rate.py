"""`find_learning_rate`: a dataset and a network in, a learning rate to train with out. Makes no run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pigeonhole import data, models, reports
from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.train import training_data


@dataclass(frozen=True)
class LearningRateSearch:
    """What a short trial saw, with a rate that grew from step to step.

    Attributes:
        dataset: `NAME:VERSION`.
        model: the preset.
        setting: the name of the learning rate for `--set`.
        suggestion: its value to train with: a tenth of the rate at which the smoothed loss was least.
        learning_rates: of each step.
        losses: mean cross-entropy of each step's images, in nats.
        smoothed: the losses as a moving average.
        pictures: the chart, as PNG and as a page; none where the package for charts is not installed.
    """

    dataset: str
    model: str
    setting: str
    suggestion: float
    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    pictures: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        return asdict(self)


def find_learning_rate(
    dataset: str,
    *,
    model: str = "cnn",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    workspace: Workspace | str | Path | None = None,
) -> LearningRateSearch:
    """A learning rate for a network on a dataset's training images, from 100 steps at growing rates.

    It sees no validation and no test images, keeps no weights and makes no run; a chart goes into the workspace.

    Args:
        dataset: the dataset (`mnist`, `mnist:1`).
        model: a network's key, or the path of a YAML file of the same form.
        settings: the preset's parameters, and fields of its training; a schedule is left out, and the rate that is
            set does not matter.
        seed: the one number from which all randomness follows.
        workspace: where the dataset is and the chart goes.

    Raises:
        NotFoundError: there is no such dataset or preset.
        SpecError: the settings are wrong, all problems at once.
        UsageError: the model is no network.
        TrainingError: the loss is not finite even at the lowest rate.
    """
    space = Workspace.find(workspace)
    source = data.open_dataset(space, dataset)
    spec = models.resolve(model, settings or {})
    found = models.search_learning_rate(spec, training_data(source, spec.kind), seed=seed)
    # Named after all that decides it, so that no chart takes another's place.
    mark = hashlib.sha256(json.dumps(spec.to_dict(), sort_keys=True).encode()).hexdigest()[:6]
    name = f"{source.ref.replace(':', '-')}-{Path(model).stem}-{seed}-{mark}"
    return LearningRateSearch(
        dataset=source.ref,
        model=model,
        setting="learning_rate" if "learning_rate" in spec.parameters else "optimizer.learning_rate",
        suggestion=found.suggestion,
        learning_rates=tuple(found.learning_rates),
        losses=tuple(found.losses),
        smoothed=tuple(found.smoothed),
        pictures=_drawn(found, space.folder("learning-rates") / name),
    )


def _drawn(found: models.RateSearch, folder: Path) -> tuple[str, ...]:
    try:
        files = reports.learning_rate_chart(
            found.learning_rates, found.losses, found.smoothed, found.suggestion, folder, html=True
        )
    except MissingDependencyError:
        return ()
    return tuple(map(str, files))
