"""Whatever comes, each protocol either gives images of the right size or a three-part error of ours."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.core.errors import PigeonholeError
from pigeonhole.serving.protocols import azure, mlflow, open_inference
from pigeonhole.serving.protocols.decoded import Facts, finished

FACTS = Facts("bands:3", "blue", (2, 3, 1), ("a", "b"), None, 4, 1_000)
ROW = [0, 10, 20, 30, 40, 255]
WORDS = ["data", "images", "image", "inputs", "outputs", "instances", "dataframe_split", "dataframe_records"]
WORDS += ["params", "parameters", "name", "shape", "datatype", "UINT8", "labels", "scale", "invert", "binary_data_size"]
keys = st.sampled_from([*WORDS, "columns", "index", "id"]) | st.text(max_size=3)
leaves = st.none() | st.booleans() | st.integers(-1, 300) | st.floats() | st.sampled_from(WORDS) | st.just(ROW)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
tensor = st.fixed_dictionaries(
    {"name": st.just("images"), "shape": anything | st.just([1, 2, 3, 1]), "datatype": st.just("UINT8")},
    optional={"data": anything, "parameters": anything},
)
requests = (
    anything
    | st.dictionaries(keys, anything, max_size=3)
    | st.builds(lambda one, key: {key: one}, anything, st.sampled_from(WORDS))
    | st.builds(lambda one, more: {"inputs": [one], **more}, tensor, st.dictionaries(keys, anything, max_size=2))
    | st.builds(lambda rows, more: {"instances": rows, "params": more}, st.lists(anything, max_size=3), anything)
)


def outcome(dialect, body, headers, query=b""):
    try:
        decoded = finished(dialect.decode(body, headers, query, FACTS))
    except PigeonholeError as error:
        return all((error.received, error.accepted, error.remedy))
    return len(decoded.pixels) == decoded.n * FACTS.size


@pytest.mark.parametrize(
    "dialect", [azure.SCORE, mlflow.INVOCATIONS, open_inference.INFER], ids=["azure", "mlflow", "v2"]
)
@given(request_=requests)
@settings(max_examples=150)
def test_any_json(dialect, request_):
    assert outcome(dialect, json.dumps(request_).encode(), {})


@given(st.binary(max_size=30), st.binary(max_size=30), st.binary(max_size=12))
@settings(max_examples=150)
def test_any_bytes_in_any_kind_of_body(body, query, length):
    for dialect in (azure.SCORE, azure.SCORE_BY_QUERY, mlflow.INVOCATIONS, open_inference.INFER):
        for kind in (b"application/json", b"image/png", b"multipart/form-data; boundary=x", query):
            headers = {b"content-type": kind, b"inference-header-content-length": length}
            assert outcome(dialect, body, headers, query)


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"data":' * 50_000, b'{"inputs":[' * 50_000])
def test_deep_nesting(deep):
    for dialect in (azure.SCORE, mlflow.INVOCATIONS, open_inference.INFER):
        assert outcome(dialect, deep, {})
    assert outcome(mlflow.INVOCATIONS, b'{"instances": ' + b"[" * 80 + b"]" * 80 + b"}", {})
