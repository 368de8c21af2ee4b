from __future__ import annotations

import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pigeonhole.core.errors import SpecError
from pigeonhole.core.spec import Spec, parse_settings, parse_yaml, read_yaml, suggestion, validate


class Optimizer(Spec):
    name: Literal["sgd", "adam"] = "adam"
    learning_rate: float = 0.001


class Training(Spec):
    model: str
    epochs: int = 10
    optimizer: Optimizer = Optimizer()


def test_a_valid_spec():
    value, lines = parse_yaml("model: cnn\noptimizer: {name: sgd}\n", "a.yml")
    spec = validate(Training, value, "a.yml", lines)
    assert (spec.model, spec.optimizer.name, spec.epochs) == ("cnn", "sgd", 10)


def test_all_problems_come_at_once_with_their_lines_and_the_closest_names():
    text = "model: cnn\nepochs: many\noptimiser:\n  name: sgd\noptimizer:\n  learning_rat: 1\n"
    value, lines = parse_yaml(text, "a.yml")
    with pytest.raises(SpecError) as error:
        validate(Training, value, "a.yml", lines)
    told = error.value.received
    assert "3 problems" in told
    assert "line 2: epochs: " in told
    assert "received 'many'" in told
    assert "line 3: optimiser: unknown key (did you mean 'optimizer'?)" in told
    assert "line 6: optimizer.learning_rat: unknown key (did you mean 'learning_rate'?)" in told


def test_a_missing_key_is_named():
    with pytest.raises(SpecError, match="model: field required"):
        validate(Training, {}, "--set")


def test_a_key_twice_is_refused_though_yaml_would_take_the_last():
    with pytest.raises(SpecError, match="line 4: the key 'epochs' was given before, on line 1"):
        parse_yaml(
            "epochs: 1\nmodel: cnn\na:\n  epochs: 3\nepochs: 2\n".replace("a:\n  epochs: 3\n", "b: 1\n"), "a.yml"
        )
    with pytest.raises(SpecError, match="line 3"):
        parse_yaml("a:\n- x: 1\n  x: 2\n", "a.yml")


def test_what_is_no_yaml_or_no_file(tmp_path):
    with pytest.raises(SpecError, match=r"a\.yml:2: not YAML"):
        parse_yaml("a: 1\n b: [\n", "a.yml")
    with pytest.raises(SpecError, match="cannot be read"):
        read_yaml(tmp_path / "absent.yml")
    (tmp_path / "latin.yml").write_bytes(b"a: \xff")
    with pytest.raises(SpecError, match="cannot be read"):
        read_yaml(tmp_path / "latin.yml")
    assert parse_yaml("", "a.yml")[0] is None


@pytest.mark.parametrize("text", ["when: 2026-13-45", "? [a]\n: 1", "a: !unknown 1", "a: *nowhere"])
def test_values_that_yaml_cannot_make(text):
    with pytest.raises(SpecError, match="not YAML"):
        parse_yaml(text, "a.yml")


def test_aliases_are_followed_once():
    value, lines = parse_yaml("a: &x {b: 1}\nc: *x\nd: &round [*round]\n", "a.yml")
    assert value["c"] == {"b": 1}
    assert lines["c",] == 2


def test_yaml_that_would_execute_is_refused():
    with pytest.raises(SpecError):
        parse_yaml("!!python/object/apply:os.system ['true']", "a.yml")


def test_settings():
    given_ = ["epochs=5", "optimizer.name=sgd", "optimizer.learning_rate=1e-3", "flag=true", "list=[1, 2]", "none=null"]
    assert parse_settings([*given_, "quoted='12'", "text=two words", "empty="]) == {
        "epochs": 5,
        "optimizer": {"name": "sgd", "learning_rate": 0.001},
        "flag": True,
        "list": [1, 2],
        "none": None,
        "quoted": "12",
        "text": "two words",
        "empty": None,
    }


@pytest.mark.parametrize("wrong", [["epochs"], ["=5"], ["a=1", "a=2"], ["a=1", "a.b=2"], ["a.b=1", "a=2"], ["a=[1"]])
def test_settings_that_cannot_be_meant(wrong):
    with pytest.raises(SpecError):
        parse_settings(wrong)


_VALUES = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["C", "Zl", "Zp"]), max_size=20)


@given(_VALUES | _TEXTS | st.lists(_VALUES | _TEXTS, max_size=4))
def test_a_value_written_as_json_is_read_back(value):
    assert parse_settings([f"key={json.dumps(value, ensure_ascii=False)}"]) == {"key": value}


def test_suggestions_are_made_only_when_close():
    assert suggestion("epoch", ["epochs", "seed"]) == " (did you mean 'epochs'?)"
    assert suggestion("xyz", ["epochs"]) == ""


def test_numbers_with_exponents_are_numbers_in_files_too():
    value, _ = parse_yaml("rates: [1e-4, 1E5, -.5e+1, '1e-3', e5]", "rates.yml")
    assert value == {"rates": [1e-4, 1e5, -5.0, "1e-3", "e5"]}
    assert parse_settings(["rates=[1e-05, '1e-05']"]) == {"rates": [1e-5, "1e-05"]}
