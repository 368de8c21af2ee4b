"""The modules that Azure ML's server lends to scripts (`rawhttp`, `AMLRequest`, `AMLResponse`), made when imported.

They stand on Flask, as Azure's do: a script that asks for the raw request gets a real `flask.Request`.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any, TypeVar

_REQUEST, _RESPONSE = ("AMLRequest", "rawhttp"), ("AMLResponse",)
_PROVIDED: dict[str, tuple[str, ...]] = {
    "azureml.contrib.services.aml_request": _REQUEST,
    "azureml.contrib.services.aml_response": _RESPONSE,
    "azureml_inference_server_http.api.aml_request": _REQUEST,
    "azureml_inference_server_http.api.aml_response": _RESPONSE,
}
_PACKAGES = {name.rsplit(".", depth)[0] for name in _PROVIDED for depth in range(1, name.count(".") + 1)}
Function = TypeVar("Function", bound=Callable[..., Any])
# As in Azure's server, one decorated function is enough: what decorates it in turn may hide it.
_asked_raw: list[str] = []


def rawhttp(function: Function) -> Function:
    """Asks for the whole HTTP request in the place of its body."""
    _asked_raw.append(getattr(function, "__name__", "run"))
    return function


def is_raw() -> bool:
    """Whether the script has asked for whole requests."""
    return bool(_asked_raw)


def install() -> None:
    """Lends the modules to whoever imports them from now on; parents that are installed are left as they are."""
    sys.meta_path.insert(0, _Leaves())
    sys.meta_path.append(_Parents())


class _Leaves(MetaPathFinder):
    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> Any:
        return importlib.machinery.ModuleSpec(fullname, _Lender()) if fullname in _PROVIDED else None


class _Parents(MetaPathFinder):
    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> Any:
        is_ours = fullname in _PACKAGES
        return importlib.machinery.ModuleSpec(fullname, _Lender(), is_package=True) if is_ours else None


class _Lender(Loader):
    def exec_module(self, module: ModuleType) -> None:
        names = _PROVIDED.get(module.__name__, ())
        for name in names:
            setattr(module, name, rawhttp if name == "rawhttp" else _made(name))


def _made(name: str) -> Any:
    try:
        from pigeonhole.scripts.host import flask_classes
    except ModuleNotFoundError as error:
        if error.name != "flask":
            raise
        raise ModuleNotFoundError(
            f"{name} stands on Flask, which is not installed here: pip install flask", name="flask"
        ) from error
    return getattr(flask_classes, name)
