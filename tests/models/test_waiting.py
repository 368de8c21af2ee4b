from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import os
from pigeonhole.models.waiting import require_torch
before = dict(os.environ)
require_torch()
import torch
assert dict(os.environ) == before, "the environment is left as it was"
print(torch.__config__.parallel_info())
"""


def test_loading_torch_leaves_the_environment_alone():
    for chosen in ({}, {"OMP_WAIT_POLICY": "ACTIVE"}):
        environment = {**os.environ, **chosen}
        done = subprocess.run(
            [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "OpenMP" in done.stdout
