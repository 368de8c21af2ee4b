"""A workspace in which the loop has been walked once, shared by the tests that only look at it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

import pigeonhole as ph
from pigeonhole.core.workspace import Workspace

# A network that learns to say more than nine of ten digits right in a third of a second.
NETWORK = "mlp-128"
QUICK = {"epochs": 6}


@dataclass(frozen=True)
class Walked:
    """A workspace with a dataset, an evaluated network, an evaluated estimator, and a registered model."""

    space: Workspace
    network: str
    estimator: str


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    space = Workspace(tmp_path_factory.mktemp("walked") / ".pigeonhole")
    ph.ingest("mnist-5k", name="digits", workspace=space)
    network = ph.train("digits", model=NETWORK, settings=QUICK, workspace=space).run_id
    estimator = ph.train("digits", model="logistic-regression", workspace=space).run_id
    ph.evaluate(network, workspace=space)
    ph.evaluate(estimator, workspace=space)
    ph.register(network, name="digits", workspace=space)
    return Walked(space, network, estimator)


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return Workspace(tmp_path / ".pigeonhole")
