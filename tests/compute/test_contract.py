"""The shipped contract, on the local compute."""

from __future__ import annotations

import pytest

from pigeonhole.compute import LocalCompute
from pigeonhole.testing import computes as contract
from pigeonhole.testing.submitting import PATIENCE_S


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_local_compute_keeps_the_contract(check, tmp_path):
    check(lambda slots: LocalCompute(slots, grace_s=PATIENCE_S), tmp_path)
