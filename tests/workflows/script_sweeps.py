"""Sweeps of a user's script for tests: the script, its spec, and one run of the loop over it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from pigeonhole.compute import LocalCompute
from pigeonhole.sweep.loop import run_sweep
from pigeonhole.sweep.plan import Objective, Plan
from pigeonhole.sweep.spec import read_sweep
from pigeonhole.sweep.study import SWEEPS, Storable, own_study
from pigeonhole.workflows.script_trials import ScriptTrials

SCRIPT = """
    import argparse, os, pathlib, sys, mlflow
    from helper import height
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float); parser.add_argument("--epochs", type=int); parser.add_argument("--out")
    given = parser.parse_args()
    assert os.environ["AZUREML_SWEEP_lr"] == str(given.lr)
    mlflow.log_param("epochs", given.epochs)
    for epoch in range(1, given.epochs + 1):
        mlflow.log_metric("accuracy", height(given.lr) * epoch / given.epochs, step=epoch)
    pathlib.Path(given.out, "note.txt").write_text(f"{given.lr}")
    print("done")
"""
HELPER = """
    def height(lr):
        return 1 - lr
"""
SPEC = {
    "type": "sweep",
    "trial": {
        "command": "python train.py --lr ${{search_space.lr}} --epochs ${{inputs.epochs}} --out ${{outputs.model}}",
        "code": "src",
    },
    "inputs": {"epochs": 3},
    "outputs": {"model": {"type": "uri_folder"}},
    "search_space": {"lr": {"type": "choice", "values": [0.25, 0.5]}},
    "sampling_algorithm": "grid",
    "objective": {"goal": "maximize", "primary_metric": "accuracy"},
    "limits": {"max_total_trials": 2, "max_concurrent_trials": 2},
}


def write_script(folder: Path, script: str = SCRIPT) -> None:
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "train.py").write_text(textwrap.dedent(script))
    (folder / "src" / "helper.py").write_text(textwrap.dedent(HELPER))


def spec_in(folder: Path, **changes):
    """The spec, with sections changed."""
    return read_sweep({**SPEC, **changes}, folder=folder)


def run(space, spec, name="scripts", poll_s=0.05, view=None):
    """Runs what is left of a sweep; how it ended."""
    folder = space.folder(SWEEPS) / name
    trials = ScriptTrials(space, spec, name, folder, poll_s)
    limits = spec.limits
    plan = Plan(
        objectives=[Objective(*both) for both in zip(spec.metrics, spec.goals, strict=True)],
        sampler=spec.sampler(),
        storable=lambda values: Storable(*spec.space.to_optuna(values)),
        policy=spec.policy(),
        max_total_trials=limits.max_total_trials,
        max_concurrent_trials=spec.concurrent or 1,
        timeout_s=limits.timeout,
        trial_timeout_s=limits.trial_timeout,
    )
    with (
        own_study(space, name, spec.goals) as study,
        LocalCompute(plan.max_concurrent_trials, grace_s=1.0) as compute,
        trials.heard(compute) as heard,
    ):
        return run_sweep(plan, study, heard, trials.job, view)
