"""Samplers, policies and plans as small as can be, for tests of the loop."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from pigeonhole.compute import Job
from pigeonhole.sweep.loop import run_sweep
from pigeonhole.sweep.plan import Objective, Plan
from pigeonhole.sweep.study import Storable, own_study

ACCURACY = (Objective("accuracy", "maximize"),)


@dataclass(frozen=True)
class Drawn:
    """Heights and lengths that follow from the seed and the number alone."""

    seed: int = 1

    def waits_for(self, number):
        return 0

    def suggest(self, number, ended):
        dice = random.Random(self.seed * 1000 + number)
        return {"height": round(dice.uniform(0.2, 1.0), 3), "epochs": dice.choice([3, 4, 6])}


@dataclass(frozen=True)
class Climbing:
    """Goes on from the best of all but the last two: as a sampler that learns, with two at a time."""

    last: int = 100

    def waits_for(self, number):
        return max(0, number - 1)

    def suggest(self, number, ended):
        assert len(ended) == self.waits_for(number)
        if number >= self.last:
            return None
        best = max((trial.objectives[0] for trial in ended if trial.objectives), default=0.1)
        return {"height": round(min(1.0, best + 0.07 * (1 + number % 3)), 3), "epochs": 3}


@dataclass(frozen=True)
class AtLeastHalf:
    """Stops what has not half of the best so far, at even intervals."""

    def applies(self, interval):
        return interval % 2 == 0

    def reason_to_stop(self, number, own, others, goal):
        best = max((max(other.reports[: len(own)], default=0.0) for other in others), default=0.0)
        return f"{max(own)} is less than half of {best}" if max(own) < best / 1.4 else None


def storable(values):
    from optuna.distributions import FloatDistribution, IntDistribution

    return Storable(values, {"height": FloatDistribution(0, 2), "epochs": IntDistribution(1, 10)})


def plan(**changes):
    """Eight trials, two at a time."""
    return Plan(
        **{
            "objectives": ACCURACY,
            "sampler": Drawn(),
            "storable": storable,
            "max_total_trials": 8,
            "max_concurrent_trials": 2,
            **changes,
        }
    )


def job_of(folder, function="curve", **arguments):
    """The jobs of a function of `objectives`."""

    def job(number, values):
        every = {"number": number, "asks": True, "journal": str(folder / "journal"), **values, **arguments}
        return Job(f"{number}", folder / f"{number}.log", f"tests.sweep.objectives:{function}", every)

    return job


def sweep(space, compute, function="curve", view=None, arguments=None, clock=time.monotonic, **changes):
    """Runs what is left of a sweep; how it ended."""
    wanted = plan(**changes)
    goals = [objective.goal for objective in wanted.objectives]
    with own_study(space, "tried", goals) as study:
        return run_sweep(wanted, study, compute, job_of(space.root, function, **(arguments or {})), view, clock)


def facts(trials):
    """What must be the same however a sweep went."""
    return [
        (s.trial.number, s.trial.values, s.trial.state, tuple(s.trial.reports), s.trial.objectives, s.trial.reason)
        for s in trials
    ]


def finished(space):
    """The numbers of the trials whose function came to its end, in order; one twice is there twice."""
    journal = space.root / "journal"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return sorted(int(line.split()[0]) for line in lines)
