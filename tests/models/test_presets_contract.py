"""The shipped contract, on every preset."""

from __future__ import annotations

import pytest

from pigeonhole.models import presets
from pigeonhole.testing import presets as contract


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("key", presets.names())
def test_preset_keeps_the_contract(key, check, tmp_path):
    check(key, tmp_path)
