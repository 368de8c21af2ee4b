"""A user's script as a run: its MLflow run is made beforehand, listened to while the script logs, and ended rightly.

The script starts anew after a kill, each time in a fresh MLflow run; the run folder is one for ever.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.core.files import write_json
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking.mirror import TAG
from pigeonhole.tracking.run import MLFLOW, Run
from pigeonhole.tracking.store import experiment_id, is_local, local_path

SCRIPT = "script"  # the kind of its spec, beside network and estimator
ATTEMPT_OF = "pigeonhole.attempt_of"
_ENDED = {"FINISHED", "FAILED", "KILLED"}
_LONGEST_VALUE = 5000
_Logged = tuple[int, int, float]


class ScriptRun:
    """One attempt of a script.

    Args:
        client: of MLflow, on the workspace's store.
        workspace: where the run is.
        run: open for writing.
        experiment: the name of the experiment that it belongs to.
        tags: more to say of it in MLflow.
    """

    def __init__(
        self, client: Any, workspace: Workspace, run: Run, experiment: str, tags: Mapping[str, str] | None = None
    ) -> None:
        self.run = run
        self._client = client
        # Those before it are known by this tag, and only the newest is what the run is mirrored as.
        experiments = [entry.experiment_id for entry in client.search_experiments()]
        earlier = client.search_runs(
            experiments, filter_string=f"tags.`{ATTEMPT_OF}` = '{run.id}'", order_by=["start_time ASC"]
        )
        for before in earlier:
            _retire(client, before)
        self._earlier = [str(before.info.run_id) for before in earlier]
        place = experiment_id(client, workspace, experiment)
        made = client.create_run(place, run_name=run.id, tags={**(tags or {}), ATTEMPT_OF: run.id, TAG: run.id})
        self.mlflow_id = str(made.info.run_id)
        self._experiment = client.get_experiment(place)
        self._seen: set[_Logged] = set()
        write_json(run.folder / MLFLOW, {"run_id": self.mlflow_id})

    def environment(self, uri: str) -> dict[str, str]:
        """The variables by which MLflow in the script finds this run, as on Azure ML.

        Args:
            uri: of MLflow's store.
        """
        return {
            "AZUREML_RUN_ID": self.mlflow_id,
            "MLFLOW_RUN_ID": self.mlflow_id,
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_EXPERIMENT_ID": str(self._experiment.experiment_id),
            "MLFLOW_EXPERIMENT_NAME": str(self._experiment.name),
        }

    def news(self, metric: str) -> list[float]:
        """The values of a metric that were logged since the last call, by step, and by time within one.

        The first time they begin with what earlier attempts had logged at lower steps: a script that goes on from a
        checkpoint of its own does not log those again.
        """
        logged = [entry for entry in self._logged(self.mlflow_id, metric) if entry not in self._seen]
        if logged and not self._seen:
            logged = [*self._before(logged[0][0], metric), *logged]
        self._seen.update(logged)
        return [value for _, _, value in logged]

    def figures(self) -> dict[str, float]:
        """The last value of each metric, by name; of earlier attempts too, where this one did not log it."""
        figures: dict[str, float] = {}
        for mlflow_id in (*self._earlier, self.mlflow_id):
            figures |= {key: float(value) for key, value in self._client.get_run(mlflow_id).data.metrics.items()}
        return {key: value for key, value in figures.items() if math.isfinite(value)}

    def artifacts(self) -> list[Path]:
        """The folders that MLflow keeps of this attempt, as far as they are there: its artifacts, and its models."""
        experiment = str(self._experiment.experiment_id)
        models = self._client.search_logged_models([experiment], filter_string=f"source_run_id = '{self.mlflow_id}'")
        places = [self._client.get_run(self.mlflow_id).info.artifact_uri, *(one.artifact_location for one in models)]
        return [path for place in places if is_local(place) and (path := local_path(place)).is_dir()]

    def end(self, status: str, parameters: Mapping[str, Any]) -> None:
        """Ends the MLflow run, whatever the script left it at.

        Args:
            status: FINISHED, FAILED or KILLED.
            parameters: logged where the script did not log one of that name; MLflow lets none be changed.
        """
        there = self._client.get_run(self.mlflow_id).data.params
        for name, value in parameters.items():
            if name not in there:
                self._client.log_param(self.mlflow_id, name, _text(value)[:_LONGEST_VALUE])
        self._client.set_terminated(self.mlflow_id, status)

    def _logged(self, mlflow_id: str, metric: str) -> list[_Logged]:
        history = self._client.get_metric_history(mlflow_id, metric)
        return sorted((int(one.step), int(one.timestamp), _as_logged(float(one.value))) for one in history)

    def _before(self, step: int, metric: str) -> list[_Logged]:
        """What earlier attempts logged at lower steps; of a step that several logged, the first."""
        by_step: dict[int, list[_Logged]] = {}
        for mlflow_id in self._earlier:
            found: dict[int, list[_Logged]] = {}
            for entry in self._logged(mlflow_id, metric):
                found.setdefault(entry[0], []).append(entry)
            by_step = {**found, **by_step}
        return [entry for at in sorted(by_step) if at < step for entry in by_step[at]]


def _as_logged(value: float) -> float:
    """One NaN for all, or each look would take it for news; and infinity, which MLflow keeps as the largest number."""
    if math.isnan(value):
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value


def _retire(client: Any, before: Any) -> None:
    """An attempt that is over: killed, where it does not say how it ended, and no mirror any more."""
    if before.info.status not in _ENDED:
        client.set_terminated(before.info.run_id, "KILLED")
    if TAG in before.data.tags:
        client.delete_tag(before.info.run_id, TAG)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
