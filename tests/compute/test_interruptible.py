"""A Ctrl-C is heard where events are waited for: between a record and its job it waits."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pigeonhole.compute import LocalCompute, Outcome
from pigeonhole.compute.interruptible import Interruptible
from pigeonhole.testing import computes as contract
from pigeonhole.testing.submitting import PATIENCE_S, job


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_contract_of_the_compute(check, tmp_path):
    check(lambda slots: Interruptible(LocalCompute(slots, grace_s=PATIENCE_S)), tmp_path)


@pytest.fixture(autouse=True)
def pythons_own_handler():
    """Whoever runs the tests in the background of a script ignores SIGINT for them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_ctrl_c_waits_for_the_next_wait_and_loses_nothing(tmp_path):
    with Interruptible(LocalCompute(2)) as compute:
        _ctrl_c()
        compute.submit(job("spin", "spin", tmp_path))
        with pytest.raises(KeyboardInterrupt):
            compute.events(None)
        compute.cancel("spin")
        ended = []
        while compute.free < compute.slots:
            ended += [event for event in compute.events(None) if isinstance(event, Outcome)]
        assert [(event.key, event.state) for event in ended] == [("spin", "Canceled")]


def test_a_ctrl_c_ends_a_wait_for_something_that_never_happens(tmp_path):
    with Interruptible(LocalCompute(1)) as compute:
        compute.submit(job("sleep", "sleep", tmp_path))
        while not compute.events(None):
            pass
        sender = threading.Timer(0.3, _ctrl_c)
        sender.start()
        with pytest.raises(KeyboardInterrupt):
            compute.events(None)
        sender.join()


def test_a_second_ctrl_c_is_not_kept_waiting():
    with Interruptible(LocalCompute(1)) as compute:
        _ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            _ctrl_c()
        # Both are heard with that: what is tidied up then is left in peace.
        assert compute.events(None) == []


def test_afterwards_a_ctrl_c_is_what_it_was():
    with Interruptible(LocalCompute(1)):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_sigint_that_somebody_else_has_taken_stays_theirs():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruptible(LocalCompute(1)):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
