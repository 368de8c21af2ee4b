"""Staying awake after an answer: only where the next request keeps coming at once, and never for long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pigeonhole.serving import lingering
from pigeonhole.serving.lingering import LINGER_S, TRIES, Lingering


class Loop:
    """What is called soon, and a clock that each turn moves on."""

    def __init__(self):
        self.now_s = 100.0
        self.turns = 0
        self._soon = []

    def monotonic(self):
        return self.now_s

    def call_soon(self, callback, *arguments):
        self._soon.append((callback, arguments))

    def turn_until_asleep(self):
        while self._soon:
            self.now_s += LINGER_S / 10
            self.turns += 1
            soon, self._soon = self._soon, []
            for callback, arguments in soon:
                callback(*arguments)


@pytest.fixture
def loop(monkeypatch):
    loop = Loop()
    monkeypatch.setattr(lingering, "time", loop)
    monkeypatch.setattr(lingering, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    return loop


def exchange(loop, lingers, pause_s):
    loop.now_s += pause_s
    lingers.asked()
    loop.now_s += 50e-6
    lingers.answered(loop.now_s)


def test_a_client_that_takes_its_time_costs_nothing(loop):
    lingers = Lingering()
    for _ in range(5):
        exchange(loop, lingers, 2 * LINGER_S)
        loop.turn_until_asleep()
    assert loop.turns == 0


def test_where_the_next_request_came_at_once_it_stays_awake_but_not_for_long(loop):
    lingers = Lingering()
    exchange(loop, lingers, 1.0)
    exchange(loop, lingers, LINGER_S / 2)
    began_s = loop.now_s
    loop.turn_until_asleep()
    assert LINGER_S <= loop.now_s - began_s <= 1.2 * LINGER_S


def test_it_gives_up_where_that_does_not_pay(loop):
    lingers = Lingering()
    exchange(loop, lingers, 1.0)
    exchange(loop, lingers, LINGER_S / 2)
    loop.turn_until_asleep()
    for _ in range(TRIES - 1):
        exchange(loop, lingers, 1.0)
        loop.turn_until_asleep()
    turns = loop.turns
    exchange(loop, lingers, 1.0)
    loop.turn_until_asleep()
    assert loop.turns == turns


def test_it_does_not_where_it_is_not_wanted(loop):
    lingers = Lingering(is_wanted=False)
    for _ in range(3):
        exchange(loop, lingers, 0.0)
        loop.turn_until_asleep()
    assert loop.turns == 0
