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
from pigeonhole.sweep.plan import JobOfTrial
from pigeonhole.sweep.spec import SweepSpec
from pigeonhole.sweep.talking import Voice, numbers
from pigeonhole.sweep.trial import Values
from pigeonhole.workflows.exporting import export_run
from pigeonhole.workflows.train import AsTrial, StopTraining, train_trial

FUNCTION = f"{__name__}:train_preset"
# Only an exported bundle has these.
EXPORTED = ("latency_ms", "bundle_size_bytes")


def preset_jobs(space: Workspace, sweep: str, spec: SweepSpec, dataset: str, logs: Path) -> JobOfTrial:
    """The jobs of a preset's trials.

    Args:
        space: where the dataset is and the runs go.
        sweep: the sweep's name.
        spec: of a preset.
        dataset: the dataset version.
        logs: the folder that gets a file a trial, of what its job prints.
    """
    every = {
        "workspace": str(space.root),
        "dataset": dataset,
        "model": spec.model,
        "seed": spec.training_seed,
        # Where there is a policy, somebody may stop it on its way.
        "asks": spec.policy() is not None,
        "exports": bool(set(EXPORTED) & set(spec.metrics)),
    }
    settings = spec.preset.settings if spec.preset else {}

    def job(number: int, values: Values) -> Job:
        arguments = {**every, "trial": f"{sweep}/{number}", "settings": {**settings, **values}}
        return Job(f"{sweep}/{number}", logs / f"trial-{number:04}.log", FUNCTION, arguments)

    return job


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
