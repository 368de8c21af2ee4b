"""A score.py imported, its init() called, and its run() looked at: how it wants to be asked. Asks nothing yet."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pigeonhole.scripts.host import azureml
from pigeonhole.scripts.host.inputs import Arguments, Head, Reader, headers_of, named_reader, raw_reader, text_reader
from pigeonhole.scripts.host.telling import said, tell

HEADERS = "request_headers"
MODULE = "entry_module"


class LoadError(Exception):
    """The script cannot be used.

    Args:
        name: what Azure ML calls this.
        text: what was wrong, in a line.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")


@dataclass(frozen=True)
class Loaded:
    """A script that is ready.

    Attributes:
        run: the user's function.
        reader: makes its arguments.
        takes_headers: whether it wants the headers too.
        schema: what its decorators say of its input and output; empty where nothing decorates it.
    """

    run: Callable[..., Any]
    reader: Reader
    takes_headers: bool
    schema: dict[str, Any]

    def arguments(self, head: Head, content: bytes) -> Arguments:
        """What to call it with.

        Raises:
            InputError: the request is refused.
        """
        given = self.reader(head, content)
        return {**given, HEADERS: headers_of(head)} if self.takes_headers else given


def load(path: Path) -> Loaded:
    """Imports the script and calls its init(); what goes wrong is printed with its traceback.

    Raises:
        LoadError: it cannot be imported, lacks a function, or init() failed.
    """
    module = _imported(path)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise LoadError("UserScriptFunctionNotFound", f"{path.name} has no function {name}()")
    try:
        module.init()
    except BaseException as error:
        tell(f"init() of {path.name} failed", error)
        raise LoadError("UserScriptInitFailed", f"init() of {path.name} raised {said(error)}") from error
    return _looked_at(module.run)


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(MODULE, path)
    if spec is None or spec.loader is None:
        raise LoadError("UserScriptImportError", f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module  # where pickle looks for what the script itself defines
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        tell(f"the import of {path.name} failed", error)
        raise LoadError("UserScriptImportError", f"the import of {path.name} raised {said(error)}") from error
    return module


def _looked_at(run: Callable[..., Any]) -> Loaded:
    parameters = dict(inspect.signature(run).parameters)
    if any(one.kind not in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters.values()):
        raise LoadError("UserScriptFunctionNotFound", "run() with *args, **kwargs or positional-only arguments")
    takes_headers = parameters.pop(HEADERS, None) is not None
    if not parameters:
        raise LoadError("UserScriptFunctionNotFound", "run() has no argument for the data")
    schema = _schema(run)
    return Loaded(run, _reader(parameters, schema), takes_headers, schema)


def _reader(parameters: Mapping[str, inspect.Parameter], schema: Mapping[str, Any]) -> Reader:
    first = next(iter(parameters))
    if azureml.is_raw():
        if schema:
            raise LoadError("UserScriptFunctionNotFound", "run() with both @rawhttp and @input_schema")
        return raw_reader(first)
    return named_reader(parameters) if schema else text_reader(first)


def _schema(run: Callable[..., Any]) -> dict[str, Any]:
    """What the package inference-schema knows of a function; nothing where the script did not import it."""
    known: Any = sys.modules.get("inference_schema.schema_decorators")
    if known is None:
        return {}
    util: Any = importlib.import_module("inference_schema.schema_util")
    if not util.is_schema_decorated(run):
        return {}
    return {"input": util.get_input_schema(run), "output": util.get_output_schema(run)}
