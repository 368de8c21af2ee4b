from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.sweep.spec.expressions import modern, optional_references, references, render

BOUND = {"inputs": {"data": "/a b/data", "n": 3}, "search_space": {"lr": 0.1, "opt": {"name": "sgd"}, "act": "relu"}}


@pytest.mark.parametrize(
    ("command", "rendered"),
    [
        ("python t.py --lr ${{search_space.lr}}", "python t.py --lr 0.1"),
        ("python t.py --lr=${{ search_space.lr }} -n ${{inputs.n}}", "python t.py --lr=0.1 -n 3"),
        ("python t.py ${{inputs.data}}/x", "python t.py '/a b/data'/x"),
        ('python t.py "${{inputs.data}}/x"', 'python t.py "/a b/data/x"'),
        ("python t.py '${{inputs.data}}'", "python t.py '/a b/data'"),
        (r"echo \" ${{inputs.data}}", r"echo \" '/a b/data'"),
        ("python t.py ${{search_space.opt}}", """python t.py '{"name": "sgd"}'"""),
        ("python t.py {search_space.act} {inputs.n}", "python t.py relu 3"),
        ("python t.py $[[--resume ${{inputs.resume}}]] -v", "python t.py  -v"),
        ("python t.py $[[--data ${{inputs.data}}]]", "python t.py --data '/a b/data'"),
        ("awk '{print $1}' ${HOME} {} {{x}}", "awk '{print $1}' ${HOME} {} {{x}}"),
    ],
)
def test_a_command_with_its_values(command, rendered):
    assert render(command, BOUND) == rendered


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
def test_a_text_reaches_the_script_as_it_is(text):
    line = render("run --name ${{search_space.name}} end", {"search_space": {"name": text}})
    assert shlex.split(line) == ["run", "--name", text, "end"]


def test_references_are_found_and_optional_ones_apart():
    command = "x ${{inputs.a}} {search_space.b} $[[--c ${{inputs.c}}]]"
    assert references(command) == [("inputs", "a"), ("search_space", "b")]
    assert optional_references(command) == [("inputs", "c")]
    assert (
        modern("{inputs.a} ${{inputs.b}} ${inputs.c} {other.d}") == "${{inputs.a}} ${{inputs.b}} ${inputs.c} {other.d}"
    )
