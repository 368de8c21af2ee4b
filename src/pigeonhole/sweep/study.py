"""One sweep's trials in Optuna's store, as any Optuna tool reads them. Chooses no values and runs nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pigeonhole.core.clock import utc_now
from pigeonhole.core.errors import ConflictError, UsageError
from pigeonhole.core.locks import exclusive
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.store import open_storage
from pigeonhole.sweep.trial import Goal, Trial, TrialState, Values

FORMAT_VERSION = 1
SWEEPS = "sweeps"
_LOCK = "lock"
_STATES: Mapping[str, TrialState] = {
    "RUNNING": "Running",
    "COMPLETE": "Completed",
    "PRUNED": "Terminated",
    "FAIL": "Failed",
}
_NAMES = {ours: theirs for theirs, ours in _STATES.items()}


@dataclass(frozen=True)
class Stored:
    """A trial as the study has it.

    Attributes:
        trial: what samplers and policies see.
        run_id: its run, once it has one.
        seconds: that its job has taken, over all its attempts.
        metrics: its final figures by name.
        intervals: how many it meant to report; `None` where it did not say.
        traceback: of a failed trial; empty otherwise.
    """

    trial: Trial
    run_id: str | None = None
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: int | None = None
    traceback: str = ""


@dataclass(frozen=True)
class Storable:
    """A trial's values as Optuna keeps them: plain values by name, and a distribution of Optuna's for each."""

    params: Mapping[str, Any]
    distributions: Mapping[str, Any]


@contextlib.contextmanager
def own_study(
    workspace: Workspace, name: str, goals: Sequence[Goal], attributes: Mapping[str, Any] | None = None
) -> Iterator[Study]:
    """The study of that name, made if absent, for the length of the block; nobody else writes it meanwhile.

    Args:
        workspace: where the study is.
        name: of the sweep, and of the study.
        goals: of each objective.
        attributes: what to note of the sweep when it is made; JSON-ready.

    Raises:
        ConflictError: another process runs this very sweep; the message names it.
        MissingDependencyError: Optuna is not installed.
        UsageError: a later release made the study.
    """
    with exclusive(workspace.folder(SWEEPS) / name / _LOCK, f"sweep {name}"):
        storage = open_storage(workspace)
        try:
            yield Study(storage, _study_id(storage, name, goals), name, attributes or {})
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _study_id(storage: Any, name: str, goals: Sequence[Goal]) -> int:
    from optuna.exceptions import DuplicatedStudyError
    from optuna.study import StudyDirection

    directions = [StudyDirection[goal.upper()] for goal in goals]
    with contextlib.suppress(DuplicatedStudyError):
        return int(storage.create_new_study(directions, name))
    return int(storage.get_study_id_from_name(name))


class Study:
    """One sweep's trials, written by its owner; see `own_study`.

    Each write is whole or absent after a kill. A trial is created as Running with its values, and its end is the last
    thing that is written of it.
    """

    def __init__(self, storage: Any, study_id: int, name: str, attributes: Mapping[str, Any]) -> None:
        self.name = name
        self._storage, self._id = storage, study_id
        self._trial_ids: list[int] = []
        self._noted: dict[tuple[int, str], Any] = {}
        self.attributes = storage.get_study_user_attrs(study_id)
        version = self.attributes.get("format_version", FORMAT_VERSION)
        if version != FORMAT_VERSION:
            raise UsageError(
                f"sweep {name} has format version {version}",
                f"format version {FORMAT_VERSION}",
                "use the pigeonhole release that made it, or a later one",
            )
        for key, value in {"format_version": FORMAT_VERSION, "created_at": utc_now(), **attributes}.items():
            if key not in self.attributes:
                self.remember(key, value)

    def remember(self, key: str, value: Any) -> None:
        """Notes something of the whole sweep; JSON-ready."""
        self._storage.set_study_user_attr(self._id, key, value)
        self.attributes[key] = value

    def trials(self) -> list[Stored]:
        """All trials by number."""
        found = sorted(self._storage.get_all_trials(self._id), key=lambda trial: trial.number)
        self._trial_ids = [trial._trial_id for trial in found]
        return [_stored(trial) for trial in found]

    def add(self, number: int, values: Values, storable: Storable) -> None:
        """Creates the trial of the next number, Running.

        Raises:
            ConflictError: somebody else writes the study.
        """
        from optuna.trial import FrozenTrial, TrialState

        template = FrozenTrial(
            number=-1,
            trial_id=-1,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=datetime.now(),  # naive, as all of Optuna's are; it converts them
            datetime_complete=None,
            params=dict(storable.params),
            distributions=dict(storable.distributions),
            user_attrs={"values": dict(values)},
            system_attrs={},
            intermediate_values={},
        )
        made = self._storage.create_new_trial(self._id, template)
        self._trial_ids.append(made)
        if self._storage.get_trial_number_from_id(made) != number:
            raise ConflictError(
                f"sweep {self.name} got a trial that this process did not make",
                "a study that only `pigeonhole sweep` writes",
                "run the same line again once the other writer has ended",
            )

    def report(self, number: int, interval: int, value: float) -> None:
        """The primary metric of a running trial at an interval, from 1."""
        self._storage.set_trial_intermediate_value(self._trial_ids[number], interval, value)

    def note(self, number: int, key: str, value: Any) -> None:
        """Something of a running trial; JSON-ready. What is noted already costs nothing."""
        if self._noted.get((number, key)) == value:
            return
        self._noted[number, key] = value
        self._storage.set_trial_user_attr(self._trial_ids[number], key, value)

    def end(self, stored: Stored) -> None:
        """A trial has ended: all that is to be known of it, and then its state, after which nothing changes it."""
        from optuna.trial import TrialState

        trial = stored.trial
        facts = {"seconds": stored.seconds, "metrics": dict(stored.metrics), "intervals": stored.intervals}
        told = {"run_id": stored.run_id, "reason": trial.reason, "traceback": stored.traceback or None, "facts": facts}
        for key, value in told.items():
            if value is not None:
                self.note(trial.number, key, value)
        objectives = None if trial.objectives is None else list(trial.objectives)
        self._storage.set_trial_state_values(self._trial_ids[trial.number], TrialState[_NAMES[trial.state]], objectives)


def _stored(trial: Any) -> Stored:
    known = trial.user_attrs
    facts = {"seconds": known.get("seconds", 0.0), **known.get("facts", {})}
    reports = [trial.intermediate_values[interval] for interval in sorted(trial.intermediate_values)]
    objectives = None if trial.values is None else list(trial.values)
    state = _STATES[trial.state.name]
    return Stored(
        Trial(trial.number, known["values"], state, reports, objectives, known.get("reason")),
        known.get("run_id"),
        float(facts["seconds"]),
        facts.get("metrics", {}),
        facts.get("intervals"),
        known.get("traceback", ""),
    )
