"""Sweeps to draw: made up, but of the shape of real ones."""

from __future__ import annotations

import math
import random

from pigeonhole.reports import ParameterFigures, SweepFigures, TrialFigures

PARAMETERS = (
    ParameterFigures("learning_rate", "log"),
    ParameterFigures("dropout"),
    ParameterFigures("batch_size", "category"),
    ParameterFigures("optimizer", "category"),
)


def trial(number, rng, intervals=8, **changes):
    values = {
        "learning_rate": math.exp(rng.uniform(-6, -1)),
        "dropout": rng.uniform(0, 0.5),
        "batch_size": rng.choice([32, 64, 128]),
        "optimizer": rng.choice(["sgd", "adam"]),
    }
    skill = 0.985 - 0.01 * abs(math.log(values["learning_rate"]) + 4) - 0.02 * values["dropout"]
    reports = [skill - 0.1 / interval + rng.gauss(0, 0.002) for interval in range(1, intervals + 1)]
    state = "Completed"
    reason = None
    if number > 2 and skill < 0.972:
        state, reports = "Terminated", reports[:4]
        reason = f"bandit: {reports[-1]:.4f} at interval 4 is less than 0.9612 / (1 + 0.1) = 0.8738"
    told = {
        "number": number,
        "state": state,
        "values": values,
        "reports": reports,
        "objectives": [max(reports)],
        "reason": reason,
        "seconds": 3.0 * len(reports),
        "run_id": f"cnn-hidden-{rng.randrange(16**6):06x}",
    }
    return TrialFigures(**{**told, **changes})


def sweep(n=24, seed=0, intervals=8, **changes):
    rng = random.Random(seed)
    trials = [trial(number, rng, intervals) for number in range(n)]
    if n > 10:
        trials[7] = TrialFigures(7, "Failed", trials[7].values, reason="ValueError: the loss is NaN", seconds=1.5)
    best = max((one for one in trials if one.objectives), key=lambda one: one.objectives[0], default=None)
    told = {
        "name": "hyperdrive",
        "metrics": ["validation_accuracy"],
        "goals": ["maximize"],
        "parameters": PARAMETERS,
        "trials": trials,
        "best": best and best.number,
        "importance": {"learning_rate": 0.71, "dropout": 0.2, "batch_size": 0.06, "optimizer": 0.03},
        "importance_note": "fANOVA over 23 trials",
        "seconds_saved": 84.0,
        "facts": {"dataset": "mnist:1", "sampling_algorithm": "random, rule sobol, seed 1"},
    }
    return SweepFigures(**{**told, **changes})


def nested(n=20):
    """A sweep in which a parameter is there only for one of two kinds."""
    rng = random.Random(3)
    trials = []
    for number in range(n):
        kind = rng.choice(["svm", "forest"])
        own = {"gamma": math.exp(rng.uniform(-6, 0))} if kind == "svm" else {"trees": rng.randrange(50, 500)}
        value = 0.9 + rng.random() * 0.05 + (0.02 if kind == "svm" else 0)
        trials.append(TrialFigures(number, "Completed", {"kind": kind, **own}, [value], [value], seconds=2.0))
    parameters = [ParameterFigures("kind", "category"), ParameterFigures("gamma", "log"), ParameterFigures("trees")]
    return sweep(0, parameters=parameters, trials=trials, best=3, importance=None, importance_note="too few trials")


def several(n=30, metrics=("validation_accuracy", "latency_ms"), goals=("maximize", "minimize")):
    """A sweep for several objectives, with its Pareto front."""
    rng = random.Random(5)
    trials = []
    for number in range(n):
        size = rng.random()
        values = [0.9 + 0.09 * size**0.5 - 0.02 * rng.random(), 0.1 + size + 0.1 * rng.random(), 1e5 * (1 + 9 * size)]
        objectives = values[: len(metrics)]
        trials.append(TrialFigures(number, "Completed", {"hidden": int(1000 * size)}, objectives, [values[0]]))

    def beaten(one):
        return any(
            all(
                a >= b if goal == "maximize" else a <= b
                for a, b, goal in zip(o.objectives, one.objectives, goals, strict=True)
            )
            and list(o.objectives) != list(one.objectives)
            for o in trials
        )

    front = [one.number for one in trials if not beaten(one)]
    told = {"metrics": list(metrics), "goals": list(goals), "parameters": [ParameterFigures("hidden")]}
    return sweep(0, trials=trials, best=None, pareto=front, importance={"hidden": 1.0}, seconds_saved=None, **told)


HOSTILE = "</script><script>alert(1)</script><!-- \" ' & <img src=x onerror=alert(2)>"


def hostile():
    """A sweep in which every text tries to be HTML."""
    trials = [
        TrialFigures(n, state, {HOSTILE: f"{HOSTILE}{n}"}, [0.1 * n], [0.1 * n], HOSTILE, 1.0, HOSTILE)
        for n, state in enumerate(["Completed", "Terminated", "Failed", "Running"])
    ]
    return SweepFigures(
        HOSTILE,
        [HOSTILE],
        ["maximize"],
        [ParameterFigures(HOSTILE, "category")],
        trials,
        best=0,
        importance={HOSTILE: 1.0},
        importance_note=HOSTILE,
        facts={HOSTILE: HOSTILE},
    )


def many_kinds():
    """Each kind of sweep by a name; what is rare first."""
    rng = random.Random(9)
    one = trial(0, rng)
    all_failed = [
        TrialFigures(n, "Failed", trial(n, rng).values, reason="Traceback (most recent call last):\n  …\nValueError: x")
        for n in range(4)
    ]
    running = [TrialFigures(n, "Running", trial(n, rng).values) for n in range(2)]
    none = {"best": None, "importance": None, "importance_note": "no trial has a value", "seconds_saved": None}
    spread = sweep(40)
    far = [*spread.trials, TrialFigures(40, "Completed", spread.trials[0].values, [-1e9], [float("nan"), -1e9])]
    loss = [
        TrialFigures(n, "Completed", {"learning_rate": 10.0**-n}, [0.1 * n + 0.01], [2.3, None, 0.1 * n + 0.01])
        for n in range(5)
    ]
    words = [ParameterFigures("optimizer", "category"), ParameterFigures("batch_size", "category")]
    wide = [ParameterFigures(f"parameter_with_a_long_name_{n}", "category") for n in range(16)]
    rows = [TrialFigures(n, "Completed", {p.name: rng.randrange(4) for p in wide}, [rng.random()]) for n in range(50)]
    return {
        "usual": sweep(),
        "three": sweep(3),
        "single": sweep(1, trials=[one], best=0),
        "empty": sweep(0, trials=[], **none),
        "all-failed": sweep(0, trials=all_failed, **none),
        "running": sweep(0, trials=running, **none),
        "one-parameter": sweep(0, trials=loss, parameters=PARAMETERS[:1], metrics=["loss"], goals=["minimize"], best=0),
        "categories": sweep(parameters=words),
        "nested": nested(),
        "far": sweep(trials=far),
        "wide": sweep(0, trials=rows, parameters=wide, best=4, importance={p.name: 1 / 16 for p in wide}),
        "two-objectives": several(),
        "three-objectives": several(
            metrics=("validation_accuracy", "latency_ms", "size_bytes"), goals=("maximize", "minimize", "minimize")
        ),
        "hostile": hostile(),
        "thousand": sweep(1000, intervals=30),
    }
