"""SIGKILL from outside at random moments; the rest of the training then gives the very same weights."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from tiny_networks import data, spec

from pigeonhole import models

EPOCHS = 14
EVERY_S = 0.01  # between checkpoints, so that some kills land in an epoch that is gone on with inside
THREADS = 2  # with one, the order of sums could not differ between processes
KILLS = 2
CHILD = """
import sys
from pathlib import Path
from tiny_networks import data, spec
from pigeonhole import models

class Teller(models.Unwatched):
    def on_epoch(self, record):
        print(record["epoch"], flush=True)

where = Path(sys.argv[1])
made_of = spec(where, epochs=int(sys.argv[2]), checkpoint_every_s=float(sys.argv[3]))
models.fit(made_of, data(), seed=5, folder=where / "killed", observer=Teller())
print("end", flush=True)
"""


def train_and_kill(where: Path, chance: random.Random) -> None:
    """One process, killed a random moment after a random number of its epochs."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(where), str(EPOCHS), str(EVERY_S)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
        env={**os.environ, "OMP_NUM_THREADS": str(THREADS)},
    )
    for _ in range(chance.randrange(1, EPOCHS // KILLS)):
        child.stdout.readline()
    time.sleep(chance.random() * 0.03)  # lands anywhere in an epoch, also while a checkpoint is written
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(tmp_path):
    torch.set_num_threads(THREADS)
    made_of = spec(tmp_path, epochs=EPOCHS, checkpoint_every_s=EVERY_S)
    undisturbed = models.fit(made_of, data(), seed=5, folder=tmp_path / "whole")
    chance = random.Random()
    for _ in range(KILLS):
        train_and_kill(tmp_path, chance)
    assert not (tmp_path / "killed" / "model.json").exists()
    resumed = models.fit(made_of, data(), seed=5, folder=tmp_path / "killed")
    for name, value in undisturbed.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert [record["epoch"] for record in resumed.history] == list(range(1, EPOCHS + 1))
    assert {path.name for path in (tmp_path / "killed" / "checkpoints").iterdir()} == {
        path.name for path in (tmp_path / "whole" / "checkpoints").iterdir()
    }
