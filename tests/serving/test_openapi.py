"""The descriptions are valid, describe every route, and the server does what they say."""

from __future__ import annotations

import base64
import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pigeonhole.images import png
from pigeonhole.serving.openapi.operations import paths
from pigeonhole.serving.protocols.decoded import Facts
from tests.bundle.tiny_onnx import CLASS_NAMES, SHAPE_HWC, band_images
from tests.serving.server_process import logging

MODES = schemathesis.GenerationMode
FACTS = Facts("bands:3", "blue", SHAPE_HWC, CLASS_NAMES, None, 3, 1_000_000)
PATHS = paths(FACTS, ["blue"], {"bands": ["3"]})
OPERATIONS = [(path, method, told) for path, methods in PATHS.items() for method, told in methods.items()]
POSITIVE = [(path, method, MODES.POSITIVE) for path, method, _ in OPERATIONS]
# What takes nothing can be sent nothing that is wrong.
TAKING = [
    (path, method, MODES.NEGATIVE) for path, method, told in OPERATIONS if {"parameters", "requestBody"} & set(told)
]
FILE = png(band_images(1)[0][0])
# Any bytes are a file to a schema; the server wants an image.
schemathesis.openapi.media_type("image/png", st.just(FILE))
CELLS = band_images(1)[0].ravel().tolist()
TABLE = "\n".join(",".join(map(str, line)) for line in (range(len(CELLS)), CELLS)).encode()
schemathesis.openapi.media_type("text/csv", st.just(TABLE))
schemathesis.openapi.format("binary", st.just(FILE))
schemathesis.openapi.format("byte", st.just(base64.b64encode(FILE).decode()))


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    with logging(tmp_path_factory.mktemp("serving"), tiny, max_images=3) as running:
        yield running


@pytest.fixture(scope="module")
def schema(server):
    return schemathesis.openapi.from_url(f"{server.url}/swagger.json?version=3")


@pytest.mark.parametrize(("path", "method", "mode"), POSITIVE + TAKING)
def test_schemathesis_finds_nothing(server, schema, path, method, mode):
    # No schema can say that a tensor's data must fit its shape.
    excluded = [positive_data_acceptance] if path.endswith("/infer") else []

    @given(case=schema[path][method].as_strategy(mode))
    @settings(max_examples=10, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(case):
        case.call_and_validate(base_url=server.url, excluded_checks=excluded)

    holds()


VALIDATORS = {"2": OpenAPIV2SpecValidator, "3": OpenAPIV30SpecValidator, "3.1": OpenAPIV31SpecValidator}


@pytest.mark.parametrize("version", VALIDATORS)
def test_each_version_is_valid_and_describes_every_route(server, version):
    told = server.client.get(f"/swagger.json?version={version}").json()
    VALIDATORS[version](told).validate()
    assert set(told["paths"]) == set(PATHS)
    text = json.dumps(told)
    at = "#/definitions/" if version == "2" else "#/components/schemas/"
    names = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert names
    assert all(name.startswith(at) for name in names)
    if version == "2":
        assert told == server.client.get("/swagger.json").json()
        row = told["definitions"]["ServiceInput"]["properties"]["data"]["items"]
        assert (row["minItems"], row["maxItems"]) == (36, 36)
        assert "anyOf" not in text
