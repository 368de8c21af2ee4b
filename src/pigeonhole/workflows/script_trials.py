"""What a sweep's trial of a user's command is: a job in a copy of its code, with an MLflow run that it logs to.

What it logs is heard by `script_listening`; what it leaves behind becomes a bundle in `script_models`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from pigeonhole import data, tracking
from pigeonhole.compute.job import Compute, Job
from pigeonhole.core.errors import PigeonholeError, SpecError, listing
from pigeonhole.core.files import publish, staged_folder, tree_stamp, write_bytes
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.code import code_sha256, keep_code
from pigeonhole.sweep.spec import SweepSpec, render
from pigeonhole.sweep.spec.inputs import DataInput
from pigeonhole.sweep.trial import Values
from pigeonhole.workflows.script_listening import POLL_S, Heard

CODE, OUTPUTS, PYTHON = "code", "outputs", "python"
LOGS = "logs"


def given_to(space: Workspace, spec: SweepSpec) -> dict[str, str]:
    """The hash of everything outside of the spec that a command is given: its code, and each input that is data.

    Raises:
        SpecError: an input that is not there, all of them at once; or code that cannot be kept.
    """
    paths = input_paths(space, spec)
    hashes = {f"inputs.{name}": _data_hash(space, spec.inputs[name], path) for name, path in paths.items()}
    return {**hashes, "code": code_sha256(spec.code)} if spec.code else hashes


def input_paths(space: Workspace, spec: SweepSpec) -> dict[str, Path]:
    """The place of each input that is data; a dataset of the workspace is its folder.

    Raises:
        SpecError: any number of inputs that are not there.
    """
    paths: dict[str, Path] = {}
    problems: list[str] = []
    for name, given in spec.inputs.items():
        if not isinstance(given, DataInput):
            continue
        try:
            paths[name] = _path(space, spec, given)
        except PigeonholeError as error:
            problems.append(f"inputs.{name}: {error.received}; {error.accepted}")
    if problems:
        raise SpecError(
            f"inputs that are not there:\n{listing(problems)}",
            "a local path, or azureml:NAME:VERSION for a dataset of this workspace",
            "pigeonhole data list shows the datasets",
        )
    return paths


class ScriptTrials:
    """The trials of a sweep of a user's command.

    Args:
        space: where the runs go.
        spec: of a command.
        sweep: the sweep's name.
        folder: the sweep's own; the code is kept there as it is now.
        poll_s: how often to look whether a script has logged something.

    Raises:
        SpecError: an input is not there, or the code cannot be kept.
        MissingDependencyError: MLflow is not installed.
    """

    def __init__(self, space: Workspace, spec: SweepSpec, sweep: str, folder: Path, poll_s: float = POLL_S) -> None:
        if spec.command is None:
            raise SpecError(f"the sweep {sweep} of a preset", "a sweep of a command", "let it train as a preset")
        self._space, self._spec, self._sweep, self._folder = space, spec, sweep, folder
        self._command = spec.command
        self._inputs = {**spec.inputs, **{name: str(path) for name, path in input_paths(space, spec).items()}}
        self._dataset = trained_on(space, spec)
        tracking.require_mlflow()
        self._heard = Heard(spec.metrics[0], poll_s)
        if spec.code is not None:
            keep_code(spec.code, folder / CODE)
        _provide_python(folder / PYTHON)

    def job(self, number: int, values: Values) -> Job:
        """The job of a trial; its run is made here, or taken up where a kill left it."""
        run = self._run(number, values)
        working = run.folder / CODE
        if not working.is_dir():
            _copy(self._folder / CODE, working)
        bound = {"inputs": self._inputs, "search_space": values, "outputs": self._outputs(run)}
        command = render(self._command.command, bound)
        run.update(command=command, settings=dict(values))
        attempt = tracking.ScriptRun(
            self._client, self._space, run, self._experiment, {"pigeonhole.trial": f"{self._sweep}/{number}"}
        )
        self._heard.expect(attempt, values)
        return Job(
            f"{self._sweep}/{number}",
            self._folder / LOGS / f"trial-{number:04}.log",
            command=command,
            working_folder=working,
            environment=self._environment(attempt, values),
        )

    def heard(self, compute: Compute) -> Compute:
        """The compute, with what scripts log to MLflow as reports of their jobs; used as a context manager."""
        return self._heard.on(compute)

    @property
    def dataset(self) -> str | None:
        """The dataset of the workspace that the command is given, with its version; `None` where there is none."""
        return self._dataset.ref if self._dataset else None

    @cached_property
    def _client(self) -> Any:
        # Opened with the first trial: a sweep that is finished is shown without the second that it takes.
        return tracking.open_client(self._space)

    @property
    def _experiment(self) -> str:
        name = self._spec.experiment_name or self._sweep
        return re.sub(r"[^\w\-. ]+", "-", name).strip(". ") or self._sweep

    def _run(self, number: int, values: Values) -> tracking.Run:
        dataset = self._dataset
        return tracking.Runs(self._space).start_or_continue(
            {"kind": tracking.SCRIPT, "command": self._command.command, "values": dict(values)},
            model=script_name(self._command.command),
            dataset=dataset.ref if dataset else "",
            dataset_sha256=dataset.sha256 if dataset else "",
            seed=self._spec.seed,
            settings=values,
            trial=f"{self._sweep}/{number}",
        )

    def _outputs(self, run: tracking.Run) -> dict[str, str]:
        """A place for each output, which outlives a kill; a folder is made, and of a file the folder around it."""
        places = {name: run.folder / OUTPUTS / name for name in self._spec.outputs}
        for name, place in places.items():
            output = self._spec.outputs[name]
            is_file = output is not None and output.type == "uri_file"
            (place.parent if is_file else place).mkdir(parents=True, exist_ok=True)
        return {name: str(place) for name, place in places.items()}

    def _environment(self, attempt: tracking.ScriptRun, values: Values) -> dict[str, str]:
        path = os.pathsep.join(
            [str(self._folder / PYTHON), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        )
        return {
            "PATH": path,
            "PYTHONUNBUFFERED": "1",  # else the last words of a script that is killed are lost
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **self._command.environment_variables,
            **{f"AZUREML_SWEEP_{name}": _text(value) for name, value in values.items()},
            **attempt.environment(self._space.mlflow_uri),
        }


def trained_on(space: Workspace, spec: SweepSpec) -> data.Dataset | None:
    """The dataset of the workspace that a command is given, the first of several; `None` where there is none."""
    refs = [given.dataset for given in spec.inputs.values() if isinstance(given, DataInput) and given.dataset]
    return data.open_dataset(space, refs[0]) if refs else None


def script_name(command: str) -> str:
    """What a command is called: its script, else its program."""
    words = [word for word in re.split(r"\s+", command.strip()) if word]
    return next((Path(word).name for word in words if word.endswith((".py", ".sh"))), Path(words[0]).name)


def _path(space: Workspace, spec: SweepSpec, given: DataInput) -> Path:
    if given.dataset is not None:
        return data.open_dataset(space, given.dataset).folder
    path = spec.folder / (given.local_path or "")
    if not path.exists():
        raise SpecError(f"{path} does not exist", "a file or folder", "correct the path")
    return path.absolute()


def _data_hash(space: Workspace, given: Any, path: Path) -> str:
    """Of a dataset its own; of a local path one of names, sizes and times, since it may be of any size."""
    if given.dataset is not None:
        return data.open_dataset(space, given.dataset).sha256
    return tree_stamp(path)


def _copy(kept: Path, working: Path) -> None:
    """A folder of its own for every trial, since scripts write beside themselves; empty where there is no code."""
    if kept.is_dir():
        keep_code(kept, working)
        return
    with staged_folder(working.parent) as staged:
        publish(staged, working)


def _provide_python(folder: Path) -> None:
    """`python` and `python3` are this Python, also where it is called something else and in no folder of PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        # No link: a virtual environment is found from where its Python is called, not from where it leads.
        script, content = folder / name, f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n'.encode()
        # Another process may be running this very sweep, and starting scripts with it.
        if not script.is_file() or script.read_bytes() != content:
            write_bytes(script, content)
        script.chmod(0o755)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
