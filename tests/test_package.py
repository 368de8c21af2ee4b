"""What the package promises from outside: its public names, and that importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

import pigeonhole
from pigeonhole.workflows.doctor import PURPOSES

PUBLIC = [
    "ImageClassifier",
    "__version__",
    "automl",
    "batch",
    "compare_models",
    "compare_runs",
    "dataset",
    "deploy",
    "diff_datasets",
    "doctor",
    "endpoint",
    "endpoint_history",
    "endpoint_keys",
    "endpoint_logs",
    "evaluate",
    "export_dataset",
    "export_log",
    "find_learning_rate",
    "ingest",
    "lineage",
    "list_datasets",
    "list_endpoints",
    "list_models",
    "list_presets",
    "list_runs",
    "model",
    "monitor",
    "package",
    "pipeline",
    "predict",
    "preset",
    "promote",
    "register",
    "register_onnx",
    "register_script",
    "remove_dataset",
    "remove_deployment",
    "remove_model",
    "remove_run",
    "rollback",
    "run",
    "sample",
    "serve",
    "status",
    "stop",
    "sweep",
    "train",
    "update_endpoint",
]
FRAMEWORKS = {"torch", "sklearn", "mlflow", "pandas", "pyarrow", "onnx", "onnxruntime", "altair", "numpy", "pydantic"}
BASE_ONLY = """
import importlib.machinery
import sys

find = importlib.machinery.PathFinder.find_spec

def find_base_only(name, path=None, target=None):
    return None if name.split(".")[0] in {blocked} else find(name, path, target)

importlib.machinery.PathFinder.find_spec = find_base_only
"""
EXTRAS = {
    "torch",
    "sklearn",
    "mlflow",
    "pandas",
    "pyarrow",
    "onnx",
    "onnxscript",
    "skl2onnx",
    "altair",
    "vl_convert",
    "safetensors",
    "mlxtend",
    "psycopg",
    "scipy",
    "matplotlib",
}


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def base_only(code: str) -> subprocess.CompletedProcess[str]:
    """Runs code as if only the base package and its dependencies were installed."""
    return python(BASE_ONLY.format(blocked=repr(EXTRAS)) + code)


def test_the_public_names_are_these() -> None:
    assert sorted(pigeonhole.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_there_and_explained(name: str) -> None:
    found = getattr(pigeonhole, name)
    assert name == "__version__" or found.__doc__


def test_doctor_says_what_every_extra_is_for() -> None:
    extras = metadata.metadata("pigeonhole").get_all("Provides-Extra") or []
    assert {*PURPOSES} == {"base", *extras} - {"all", "bench", "check", "test"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = pigeonhole.nonsense


def test_importing_the_package_loads_no_framework() -> None:
    done = python(f"import sys, pigeonhole; print(sorted({FRAMEWORKS!r} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stderr


def test_the_base_alone_prints_help() -> None:
    done = base_only("from pigeonhole.cli.main import run; sys.exit(run(['--help']))")
    assert done.returncode == 0, done.stderr
    assert "ingest" in done.stdout


@pytest.mark.parametrize(
    ("line", "extra"),
    [
        (["ingest", "mnist-5k", "--name", "digits"], "sample"),
        (["ingest", "table.csv", "--name", "digits"], "data"),
    ],
)
def test_the_base_alone_names_the_line_that_installs_what_is_missing(
    line: list[str], extra: str, tmp_path: object
) -> None:
    table = "label,pixel0\n" + "0,1\n1,2\n" * 20
    code = f"import os; os.chdir({str(tmp_path)!r}); open('table.csv', 'w').write({table!r})\n"
    done = base_only(code + f"from pigeonhole.cli.main import run; sys.exit(run({line!r}))")
    assert done.returncode == 4, done.stderr
    assert f"pip install 'pigeonhole[{extra}]'" in done.stderr
