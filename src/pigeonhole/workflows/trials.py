"""What a sweep's trial of a preset does: trains it as a run like any other, and says how it goes.

A job names `train_preset`; how trials of a user's command run is in `script_trials.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole import data, tracking
from pigeonhole.compute.job import Conversation, Job
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.talking import Voice, numbers
from pigeonhole.sweep.trial import Values
from pigeonhole.workflows.exporting import export_run
from pigeonhole.workflows.train import AsTrial, StopTraining, train_trial

FUNCTION = f"{__name__}:train_preset"
# Only an exported bundle has these.
EXPORTED = ("latency_ms", "bundle_size_bytes")


def preset_job(
    space: Workspace,
    sweep: str,
    number: int,
    values: Values,
    *,
    dataset: str,
    model: str,
    settings: Mapping[str, Any],
    seed: int,
    asks: bool,
    exports: bool,
    log: Path,
) -> Job:
    """The job of a preset's trial.

    Args:
        space: where the dataset is and the run goes.
        sweep: the sweep's name.
        number: the trial's.
        values: of the parameters that the sweep turns.
        dataset: the dataset version.
        model: the preset's key, or a YAML file.
        settings: of the parameters that it does not turn.
        seed: of the training.
        asks: whether somebody may stop it on its way.
        exports: whether its bundle is to be made, whose size and latency are known only then.
        log: what the job prints goes there.
    """
    arguments = {
        "workspace": str(space.root),
        "trial": f"{sweep}/{number}",
        "dataset": dataset,
        "model": model,
        "settings": {**settings, **values},
        "seed": seed,
        "asks": asks,
        "exports": exports,
    }
    return Job(f"{sweep}/{number}", log, FUNCTION, arguments)


def train_preset(arguments: Mapping[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Trains a trial's model, or goes on with it; the run's id and final figures."""
    space = Workspace(Path(arguments["workspace"]))
    view = _Epochs(Voice(conversation, arguments["asks"]))
    trained = train_trial(
        space,
        arguments["dataset"],
        arguments["model"],
        arguments["settings"],
        arguments["seed"],
        trial=AsTrial(arguments["trial"], view),
    )
    metrics = trained.metrics
    if arguments["exports"] and trained.status == "Completed":
        metrics = _exported(space, trained.run_id)
    return {"run_id": trained.run_id, "metrics": numbers(metrics)}


def _exported(space: Workspace, run_id: str) -> dict[str, Any]:
    with tracking.Runs(space).write(run_id) as run:
        export_run(run, data.open_dataset(space, run.record["dataset"]))
        return run.metrics


class _Epochs:
    """Says each epoch of a training to the sweep, and ends it when the sweep says so."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    def on_run(self, run_id: str) -> None:
        self._voice.begin(run_id)

    def on_start(self, facts: dict[str, Any]) -> None:
        """Nothing that a sweep needs to know."""

    def on_epoch(self, record: dict[str, Any]) -> None:
        reason = self._voice.log(record, intervals=record.get("epochs"))
        if reason is not None:
            raise StopTraining(reason)
