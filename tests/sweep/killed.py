"""A sweep in a process of its own, for a test to kill: `python -m tests.sweep.killed WORKSPACE`."""

from __future__ import annotations

import sys
from pathlib import Path

from pigeonhole.compute import LocalCompute
from pigeonhole.core.workspace import Workspace
from tests.sweep import plans


def main(root):
    with LocalCompute(2, grace_s=1.0) as compute:
        plans.sweep(Workspace(Path(root)), compute, policy=plans.AtLeastHalf(), arguments={"longest_s": 0.1})


if __name__ == "__main__":
    main(sys.argv[1])
