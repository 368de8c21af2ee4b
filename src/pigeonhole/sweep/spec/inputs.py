"""What a sweep's trials are given, and where what they make goes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, Tag

from pigeonhole.core.spec import Spec

AssetType = Literal["uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model"]
_ASSET = re.compile(r"azureml:(?!//)(?P<name>[^:@/]+)(?P<version>[:@].+)?")
_REMOTE = re.compile(r"(https?|wasbs?|abfss?|azureml)://|azureml:/")


class DataInput(Spec):
    """Data by its place: a local path, or `azureml:NAME:VERSION` for a dataset of the workspace."""

    type: AssetType = "uri_folder"
    path: str = Field(min_length=1)
    mode: Literal["ro_mount", "download", "direct", "eval_mount", "eval_download"] | None = None
    datastore: str | None = None

    @property
    def dataset(self) -> str | None:
        """The dataset of the workspace that it names (`digits:3`), or `None`."""
        found = _ASSET.fullmatch(self.path)
        return found and f"{found['name']}{found['version'] or ''}"

    @property
    def remote(self) -> bool:
        """Whether it lies where this machine cannot look."""
        return bool(_REMOTE.match(self.path))

    @property
    def local_path(self) -> str | None:
        """The local path, as written; `None` for anything else."""
        return None if self.remote or self.dataset else self.path.removeprefix("file://").removeprefix("file:")


class Output(Spec):
    """A place that trials write to."""

    type: AssetType = "uri_folder"
    mode: Literal["rw_mount", "upload", "direct", "mount"] | None = None
    path: str | None = None
    name: str | None = None
    version: str | None = None


def _tag(value: Any) -> str:
    return "as-data" if isinstance(value, (dict, DataInput)) else "as-literal"


def _literal(value: Any) -> Any:
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError("a text, a number, true or false, or a mapping with a path is accepted")
    return value


Literals = StrictBool | StrictInt | StrictFloat | StrictStr
Input = Annotated[
    Annotated[DataInput, Tag("as-data")] | Annotated[Annotated[Literals, BeforeValidator(_literal)], Tag("as-literal")],
    Discriminator(_tag),
]
