"""The JSON Schema of an AutoML spec, for editors that complete and check YAML. It knows each part, not the whole.

`automl.schema.json` beside this file is what it gives; `python -m pigeonhole.automl.settings.schema` writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pigeonhole.automl.settings.algorithms import NETWORKS
from pigeonhole.automl.settings.names import MOVED, OTHERS
from pigeonhole.automl.settings.parts import META_LEARNERS
from pigeonhole.automl.settings.plain import METRICS
from pigeonhole.automl.settings.spec import AutomlSpec
from pigeonhole.core.spec import without_titles
from pigeonhole.models.classical.naming import ALGORITHMS

FILE = Path(__file__).with_name("automl.schema.json")


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12); names of SDK v1 are in it with what they mean."""
    schema = AutomlSpec.model_json_schema(by_alias=True)
    parts = schema["$defs"]
    properties = schema["properties"]
    properties["$schema"] = {"type": "string"}
    properties["primary_metric"] |= {"enum": list(dict.fromkeys([*METRICS, *(name.lower() for name in METRICS)]))}
    properties["featurization"] = {"anyOf": [properties["featurization"], {"enum": ["auto", "off"]}]}
    properties["training_data"] = {"description": "azureml:NAME:VERSION, a dataset of the workspace"}
    parts["StackSettings"]["properties"]["stack_meta_learner_type"] |= {"examples": list(META_LEARNERS)}
    algorithm = {"type": "string", "examples": [*ALGORITHMS, NETWORKS]}
    for name in ("allowed_training_algorithms", "blocked_training_algorithms"):
        parts["Training"]["properties"][name] = {"anyOf": [algorithm, {"type": "array", "items": algorithm}]}
    for name, moved in MOVED.items():
        properties[name] = {"description": f"{moved.phrase} {'.'.join(moved.place)}"}
    _add_others(properties, parts)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **without_titles(schema), "title": "automl"}


def _add_others(properties: dict[str, Any], parts: dict[str, Any]) -> None:
    """Names that are understood, with what happens here; those that are refused stay out."""
    sections = {"limits": "Limits", "featurization": "Featurization", "training": "Training"}
    for (*within, name), other in OTHERS.items():
        if not other.refused:
            target = parts[sections[str(within[0])]]["properties"] if within else properties
            target[str(name)] = {"description": other.text}


if __name__ == "__main__":
    FILE.write_text(json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
