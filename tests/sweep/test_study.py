"""What a sweep leaves in Optuna's store, in a file and on a PostgreSQL server, as any Optuna tool reads it."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from pigeonhole.core.errors import ConflictError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.store import open_storage
from pigeonhole.sweep.study import Stored, own_study
from pigeonhole.sweep.trial import Trial
from tests.core import postgres

from .plans import storable

VALUES = {"height": 0.25, "epochs": 3}


@pytest.fixture(scope="module")
def url():
    with postgres.server() as server:
        yield server


def fill(space):
    """A study with a trial in each state."""
    with own_study(space, "filled", ["maximize"], {"dataset": "digits:1"}) as study:
        for number in range(4):
            study.add(number, VALUES, storable(VALUES))
            study.report(number, 1, 0.5)
        study.report(3, 2, 0.6)
        study.report(3, 2, 0.6)
        study.note(3, "run_id", "cnn-abcdef")
        study.end(Stored(Trial(0, VALUES, "Completed", [0.5], [0.5]), "cnn-0", 1.5, {"loss": 0.1}, 1))
        study.end(Stored(Trial(1, VALUES, "Terminated", [0.5], [0.5], "worse than trial 0"), "cnn-1", 1.0, {}, 3))
        study.end(Stored(Trial(2, VALUES, "Failed", [0.5], None, "out of luck"), None, 0.5, {}, None, "Traceback"))


def check(space):
    with own_study(space, "filled", ["maximize"]) as study:
        assert study.attributes["dataset"] == "digits:1"
        completed, terminated, failed, running = study.trials()
    assert completed == Stored(Trial(0, VALUES, "Completed", [0.5], [0.5]), "cnn-0", 1.5, {"loss": 0.1}, 1)
    assert terminated.trial.reason == "worse than trial 0"
    assert (failed.trial.objectives, failed.traceback) == (None, "Traceback")
    assert (running.trial.state, list(running.trial.reports), running.run_id) == ("Running", [0.5, 0.6], "cnn-abcdef")


def check_as_optuna_reads_it(space):
    import optuna

    storage = open_storage(space)
    study = optuna.load_study(study_name="filled", storage=storage)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert study.best_trial.params == VALUES
    assert study.trials[3].intermediate_values == {1: 0.5, 2: 0.6}
    assert study.trials[0].user_attrs["run_id"] == "cnn-0"
    assert study.trials[0].duration is not None
    storage.engine.dispose()


def test_what_is_written_is_read_again_by_us_and_by_optuna(space):
    fill(space)
    check(space)
    check_as_optuna_reads_it(space)


def test_numbers_are_kept_to_the_last_bit(space):
    values = {"height": math.nextafter(0.1, 1), "epochs": 2}
    with own_study(space, "exact", ["minimize"]) as study:
        study.add(0, values, storable(values))
        study.report(0, 1, 1 / 3)
        study.end(Stored(Trial(0, values, "Completed", [1 / 3], [1 / 3])))
    with own_study(space, "exact", ["minimize"]) as study:
        (stored,) = study.trials()
    assert stored.trial == Trial(0, values, "Completed", [1 / 3], [1 / 3])


def test_a_workspace_in_a_folder_with_braces(tmp_path, monkeypatch):
    monkeypatch.delenv("PIGEONHOLE_DATABASE_URL", raising=False)
    space = Workspace(tmp_path / "{name}" / ".pigeonhole")
    with own_study(space, "braces", ["maximize"]) as study:
        assert study.trials() == []
    assert (space.root / "optuna.db").is_file()


def test_two_objectives(space):
    with own_study(space, "two", ["maximize", "minimize"]) as study:
        study.add(0, VALUES, storable(VALUES))
        study.end(Stored(Trial(0, VALUES, "Completed", [0.5], [0.5, 20.0])))
        assert study.trials()[0].trial.objectives == [0.5, 20.0]


def test_a_study_of_a_later_release_is_refused(space):
    with own_study(space, "later", ["maximize"]) as study:
        study.remember("format_version", 2)
    with pytest.raises(UsageError, match="format version 2"), own_study(space, "later", ["maximize"]):
        pass


def test_a_trial_that_somebody_else_adds_is_noticed(space):
    with own_study(space, "shared", ["maximize"]) as study:
        study.add(0, VALUES, storable(VALUES))
        study._storage.create_new_trial(study._id)
        with pytest.raises(ConflictError, match="did not make"):
            study.add(1, VALUES, storable(VALUES))


_FIRST_USER = """
import sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.study import own_study
space = Workspace(Path(sys.argv[1]))
sys.stdin.read(1)
with own_study(space, sys.argv[2], ["maximize"]) as study:
    print(len(study.trials()))
"""


def first_users(*places):
    """Processes that use a store for the first time at once; what they said."""
    users = [
        subprocess.Popen(
            [sys.executable, "-c", _FIRST_USER, str(place), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place, name in places
    ]
    for user in users:
        user.stdin.write("g")
        user.stdin.flush()
    said = [user.communicate()[0].strip() for user in users]
    assert [user.returncode for user in users] == [0] * len(users)
    return said


@pytest.mark.full
def test_two_first_users_at_once(tmp_path, monkeypatch):
    monkeypatch.delenv("PIGEONHOLE_DATABASE_URL", raising=False)
    assert first_users((tmp_path / "w", "one"), (tmp_path / "w", "two")) == ["0", "0"]


@pytest.mark.full
def test_on_a_postgresql_server(tmp_path, url, monkeypatch, compute):
    from . import plans

    monkeypatch.setenv("PIGEONHOLE_DATABASE_URL", url)
    assert first_users((tmp_path / "here", "one"), (tmp_path / "there", "two")) == ["0", "0"]
    space = Workspace(tmp_path / "here")
    fill(space)
    check(space)
    check_as_optuna_reads_it(space)
    assert not (space.root / "optuna.db").exists()
    stopping = {"policy": plans.AtLeastHalf()}
    first = plans.sweep(space, compute, max_total_trials=4, **stopping)
    ended = plans.sweep(space, compute, arguments={"longest_s": 0.02}, **stopping)
    assert plans.facts(ended.trials)[:4] == plans.facts(first.trials)
    tables = space.database.execute(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'optuna'"
    )
    assert {"studies", "trials", "alembic_version"} <= {row["name"] for row in tables}
    space.database.close()
