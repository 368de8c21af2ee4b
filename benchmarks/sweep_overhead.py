"""What a sweep costs beside its trials: empty trials of ours, and of plain Optuna, two at a time, paired.

    python benchmarks/sweep_overhead.py [--trials 500] [--pairs 3] [--goal 1.3]

Both draw one number, log it and a metric to an MLflow run of its own, and keep the trial in Optuna's SQLite store, each
pair in fresh stores. Ours trains in two worker processes, survives their death, and writes each trial down before it
starts; plain Optuna runs two threads (`optimize(n_jobs=2)`). The seconds are those of the whole process, from its
start. Results are kept in `.benchmarks/sweep_overhead/`, a file a run, so that a killed measurement goes on.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measuring import Figures, kept, machine
from pigeonhole.compute import Conversation, Job, LocalCompute
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.loop import run_sweep
from pigeonhole.sweep.plan import Objective, Plan
from pigeonhole.sweep.spec import read_sweep
from pigeonhole.sweep.store import open_storage
from pigeonhole.sweep.study import Storable, own_study
from pigeonhole.sweep.talking import Voice
from pigeonhole.tracking.store import open_client

FOLDER = Path(".benchmarks/sweep_overhead")
SIDES = ("ours", "optuna")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--goal", type=float, default=1.3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        {"ours": ours, "optuna": plain}[options.side](Workspace(options.folder), options.trials)
        return 0
    return measure(options.trials, options.pairs, options.goal)


def measure(trials: int, pairs: int, goal: float) -> int:
    """Prints the seconds of each pair, and the median of their ratios."""
    ratios = []
    for pair in range(pairs):
        # Who goes first alternates.
        order = SIDES if pair % 2 == 0 else SIDES[::-1]
        took = {
            side: kept(FOLDER / f"{trials}-{pair}-{side}.json", lambda side=side: run(side, trials)) for side in order
        }
        seconds = {side: took[side]["seconds"] for side in SIDES}
        ratios.append(seconds["ours"] / seconds["optuna"])
        print(
            f"pair {pair}: ours {seconds['ours']:.1f} s, Optuna {seconds['optuna']:.1f} s, {ratios[-1]:.2f}×",
            flush=True,
        )
    middle = statistics.median(ratios)
    print(machine("optuna", "mlflow"))
    print(f"{trials} empty trials, two at a time: {middle:.2f}× plain Optuna (goal: at most {goal}×)")
    return 0 if middle <= goal else 1


def run(side: str, trials: int) -> Figures:
    """One side, in a process and a workspace of its own."""
    with tempfile.TemporaryDirectory() as folder:
        space = Workspace(Path(folder) / "w")
        # Both find stores with their tables in place, which are made once in a workspace's life.
        open_client(space)
        open_storage(space).engine.dispose()
        start = time.perf_counter()
        command = [sys.executable, __file__, "--side", side, "--folder", str(space.root), "--trials", str(trials)]
        subprocess.run(command, check=True, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"})
        seconds = time.perf_counter() - start
        check(space, trials)
    return {"seconds": seconds}


def check(space: Workspace, trials: int) -> None:
    """Both must have done all of it."""
    import optuna

    storage = open_storage(space)
    (study,) = optuna.get_all_study_summaries(storage=storage)
    assert study.n_trials == trials
    assert study.best_trial is not None
    storage.engine.dispose()
    assert len(open_client(space).search_runs(["0"], max_results=5000)) == trials


def log(client: Any, x: float) -> str:
    """A run of MLflow's with a parameter and a metric."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    run_id = client.create_run("0", start_time=now).info.run_id
    client.log_batch(run_id, params=[Param("x", str(x))], metrics=[Metric("accuracy", 1 - x, now, 1)])
    client.set_terminated(run_id, "FINISHED", now)
    return str(run_id)


def plain(space: Workspace, trials: int) -> None:
    """Plain Optuna, as its manual shows it."""
    import optuna

    client = open_client(space)
    optuna.logging.set_verbosity(logging.ERROR)
    study = optuna.create_study(
        storage=open_storage(space), direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1)
    )

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.report(1 - x, 1)
        trial.set_user_attr("run_id", log(client, x))
        return 1 - x

    study.optimize(objective, n_trials=trials, n_jobs=2)


_CLIENTS: dict[str, Any] = {}


def empty(arguments: Mapping[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Our trial: the same."""
    root = arguments["workspace"]
    if root not in _CLIENTS:
        _CLIENTS[root] = open_client(Workspace(Path(root)))
    x = arguments["x"]
    voice = Voice(conversation, asks=False)
    voice.log({"accuracy": 1 - x})
    return {"metrics": {}, "run_id": log(_CLIENTS[root], x)}


def ours(space: Workspace, trials: int) -> None:
    """A sweep's loop, with real workers."""
    spec = read_sweep(
        {
            "type": "sweep",
            "trial": {"command": "echo ${{search_space.x}}"},
            "search_space": {"x": {"type": "uniform", "min_value": 0, "max_value": 1}},
            "sampling_algorithm": {"type": "random", "seed": 1},
            "objective": {"goal": "maximize", "primary_metric": "accuracy"},
            "limits": {"max_total_trials": trials, "max_concurrent_trials": 2},
        }
    )
    plan = Plan(
        [Objective("accuracy", "maximize")],
        spec.sampler(),
        lambda values: Storable(*spec.space.to_optuna(values)),
        max_total_trials=trials,
        max_concurrent_trials=2,
    )

    def job(number: int, values: Mapping[str, Any]) -> Job:
        arguments = {"workspace": str(space.root), **values}
        return Job(str(number), space.root / "log", "sweep_overhead:empty", arguments)

    with own_study(space, "empty", ["maximize"]) as study, LocalCompute(2) as compute:
        run_sweep(plan, study, compute, job)


if __name__ == "__main__":
    sys.exit(main())
