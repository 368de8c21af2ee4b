"""The JSON Schema of a sweep's spec, for editors that complete and check YAML. It knows each part, not the whole.

`sweep.schema.json` beside this file is what it gives; `python -m pigeonhole.sweep.spec.schema` writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pigeonhole.core.spec import without_titles
from pigeonhole.sweep.samplers import SAMPLING_ALGORITHMS
from pigeonhole.sweep.spec.sweep import SweepSpec

FILE = Path(__file__).with_name("sweep.schema.json")


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12)."""
    schema = SweepSpec.model_json_schema(by_alias=True)
    for part in schema["$defs"].values():
        # What is chosen by its type has to say it.
        if "const" in part["properties"].get("type", {}):
            part["required"] = ["type", *part.get("required", [])]
            part["properties"]["type"].pop("default", None)
    by_name = {"enum": list(SAMPLING_ALGORITHMS)}
    schema["properties"]["sampling_algorithm"]["oneOf"].append(by_name)
    schema["properties"]["$schema"] = {"type": "string"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **without_titles(schema), "title": "sweep"}


if __name__ == "__main__":
    FILE.write_text(json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
