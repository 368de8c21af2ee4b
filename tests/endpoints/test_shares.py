"""Who gets which share: what is accepted, what is refused with all its problems, what happens when one is missing."""

from __future__ import annotations

import pytest

from pigeonhole.core.errors import UsageError
from pigeonhole.endpoints.plans import Slot
from pigeonhole.endpoints.traffic import divided, name_problem, without


def slots(**traffic):
    return tuple(
        Slot(name, f"digits:{n}", "", "", 1.0, 1.0, share, generation=n)
        for n, (name, share) in enumerate(traffic.items(), 1)
    )


def pairs(found):
    return {slot.name: (slot.traffic, slot.mirror) for slot in found}


@pytest.mark.parametrize(
    ("traffic", "mirror", "expected"),
    [
        ("blue=90,green=10", None, {"blue": (90, 0), "green": (10, 0)}),
        (" blue = 90 , green=10%", "green=10", {"blue": (90, 0), "green": (10, 10)}),
        ({"green": 100}, {"blue": 50}, {"blue": (0, 50), "green": (100, 0)}),
        (None, {"green": 5}, {"blue": (100, 0), "green": (0, 5)}),
        ("blue=0,green=0", None, {"blue": (0, 0), "green": (0, 0)}),
        (None, "green=0", {"blue": (100, 0), "green": (0, 0)}),
    ],
)
def test_shares_are_taken_as_text_or_as_numbers(traffic, mirror, expected):
    assert pairs(divided(slots(blue=100, green=0), traffic, mirror)) == expected


@pytest.mark.parametrize(
    ("traffic", "mirror", "said"),
    [
        ("blue=90", None, ["traffic: 90 in all, not 0 or 100"]),
        ("blue=90,green=11", "green=60", ["traffic: 101 in all", "mirror: green is 60, above 50"]),
        ("blue=90,gren=10", None, ["there is no deployment 'gren' (did you mean 'green'?)"]),
        ("blue=50,blue=50", None, ["traffic: blue is given 2 times"]),
        ("blue=-1,green=101", None, ["blue is '-1'", "green is '101'"]),
        ("blue=99.5,green=0.5", None, ["blue is '99.5', not a whole number"]),
        ({"blue": True, "green": 99.0}, None, ["blue is 'True'", "green is '99.0'"]),
        ("blue=" + "9" * 5000, None, ["blue is '99999999999999999999…'"]),
        ("blue=٣٠,green=70", None, ["blue is '٣٠'"]),
        ("", None, ["traffic: '' is not NAME=PERCENT"]),
        ("blue,=5,green:10", "green", ["'blue' is", "'=5' is", "'green:10' is", "mirror: 'green' is"]),
        (None, "blue=10,green=10", ["mirror: 2 deployments (blue, green), not one"]),
    ],
)
def test_unfit_shares_are_refused_with_all_that_is_wrong(traffic, mirror, said):
    with pytest.raises(UsageError) as error:
        divided(slots(blue=100, green=0), traffic, mirror)
    assert [line for line in said if line not in error.value.received] == []
    assert "for blue and green" in error.value.accepted
    assert error.value.remedy == "for example --traffic blue=90,green=10"


def test_numbers_that_cannot_be_read_are_not_added_up():
    with pytest.raises(UsageError) as error:
        divided(slots(blue=100, green=0), "blue=ninety,green=10", None)
    assert "in all" not in error.value.received


@pytest.mark.parametrize(
    ("traffic", "left"),
    [
        ({"blue": 90, "green": 10}, {"blue": 100}),
        ({"green": 10, "blue": 60, "red": 30}, {"blue": 67, "red": 33}),
        ({"green": 1, "a": 33, "b": 33, "c": 33}, {"a": 34, "b": 33, "c": 33}),
        ({"green": 100, "blue": 0}, {"blue": 0}),
        ({"green": 0, "blue": 0}, {"blue": 0}),
    ],
)
def test_a_missing_deployments_share_goes_to_the_others_in_proportion(traffic, left):
    all_ = slots(**traffic)
    gone = next(slot.generation for slot in all_ if slot.name == "green")
    assert {slot.name: slot.traffic for slot in without(all_, gone)} == left


def test_names_follow_azures_pattern():
    for name in ("blue", "a-1", "abc", "a" * 32):
        assert name_problem(name, "deployment") == []
    for name in ("ab", "a" * 33, "1st", "a_b", "green-", "-green", "grün", "a b c", "green\n", ""):
        (problem,) = name_problem(name, "deployment")
        assert repr(name) in problem
