"""A training does not pay for torch's compiler, computes what torch computes, and leaves torch as it found it."""

import subprocess
import sys

CODE = """
import sys
import torch
from pigeonhole.models.networks.lean import take_step
from pigeonhole.models.networks.optimizers.making import make_optimizer
from pigeonhole.models.settings import Optimizer

def weights(name, step):
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    own = {"momentum": 0.9} if name == "sgd" else {}
    optimizer = make_optimizer(Optimizer(name=name, weight_decay=0.1, **own), network)
    for _ in range(3):
        network.zero_grad()
        network(torch.ones(1, 3)).square().sum().backward()
        step(optimizer)
    return network.weight

ours = {name: weights(name, take_step) for name in ("sgd", "adam", "adamw")}
assert "torch._dynamo" not in sys.modules, "the compiler was imported"
for name, own in ours.items():
    assert torch.equal(own, weights(name, lambda optimizer: optimizer.step())), name
assert "torch._dynamo" in sys.modules, "torch's own way was changed for others"
"""


def test_optimizers_are_made_and_step_as_torchs_own_but_without_its_compiler() -> None:
    assert subprocess.run([sys.executable, "-c", CODE], check=False).returncode == 0
