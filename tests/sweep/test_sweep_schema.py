from __future__ import annotations

import json

import jsonschema
import pytest

from pigeonhole.sweep.spec.schema import FILE, json_schema

from .test_sweep_spec import COMMAND, PRESET, changed


def test_the_file_for_editors_is_the_spec_as_it_is():
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert kept == json_schema(), "python -m pigeonhole.sweep.spec.schema writes it anew"


def test_what_is_read_is_valid_by_the_schema():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for spec in (
        PRESET,
        COMMAND,
        changed(PRESET, sampling_algorithm="bayesian"),
        changed(PRESET, sampling_algorithm={"type": "coarse-to-fine", "points": {"C": 3}}),
        changed(PRESET, early_termination={"type": "hyperband", "max_resource": 9}),
    ):
        jsonschema.validate(spec, schema)


@pytest.mark.parametrize(
    "parts",
    [
        {"serch_space": {}},
        {"limits__max_total_trials": 0},
        {"limits__timeout": "1h"},
        {"search_space__batch_size": {"values": [1]}},
        {"search_space__batch_size": {"type": "choice", "value": [1]}},
        {"early_termination": {"type": "bandid"}},
    ],
)
def test_what_no_part_takes_is_not(parts):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(PRESET, **parts), json_schema())
