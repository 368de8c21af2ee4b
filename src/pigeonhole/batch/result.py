"""What became of a batch job, and the record of it that lies beside the file of predictions.

`OUT.json` is written last: where it stands and fits the file, the job is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pigeonhole.batch.outcome import Outcome
from pigeonhole.core.errors import listing
from pigeonhole.core.files import read_json, sha256_file

FORMAT = "pigeonhole-batch"
FORMAT_VERSION = 1
NAMED_FAILURES = 100
NAMED_WARNINGS = 10


@dataclass(frozen=True)
class BatchResult:
    """The file of predictions, and what to know about it.

    Attributes:
        out: where it is.
        format: one of `FORMATS`.
        model: the model in the user's words.
        bundle_sha256: the model's content.
        source: where the images were, in the user's words.
        title: what they are.
        images: how many there are.
        predicted: how many have a prediction.
        failed: how many have none.
        failures: the first hundred of these, each with `row`, `image` and `error`.
        failures_file: all of them as CSV; `None` if there is none.
        warned: how many came with a warning.
        warnings: the first ten of these.
        labels: how often each class was predicted.
        notes: what was left out of the source.
        resumed_at: how many images an earlier, interrupted run had done.
        seconds: how long this run took.
        images_per_s: the speed of this run.
        size_bytes: the size of `out`.
        sha256: its content.
        reused: whether the same job had been done before, so that nothing was to do.
    """

    out: str
    format: str
    model: str
    bundle_sha256: str
    source: str
    title: str
    images: int
    predicted: int
    failed: int
    failures: tuple[Mapping[str, Any], ...]
    failures_file: str | None
    warned: int
    warnings: tuple[str, ...]
    labels: Mapping[str, int]
    notes: tuple[str, ...]
    resumed_at: int
    seconds: float
    images_per_s: float
    size_bytes: int
    sha256: str
    reused: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-ready values."""
        return asdict(self)


@dataclass
class Tally:
    """Counts over all outcomes so far, in memory that does not grow with them."""

    images: int = 0
    failed: int = 0
    warned: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    labels: Counter[int] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Counts the outcome of the next images."""
        self.images += len(outcome)
        self.failed += len(outcome.failed)
        self.warned += len(outcome.warned)
        for place, text in sorted(outcome.failed.items())[: NAMED_FAILURES - len(self.failures)]:
            self.failures.append({"row": outcome.start + place, "image": outcome.names[place], "error": text})
        for place, texts in sorted(outcome.warned.items())[: NAMED_WARNINGS - len(self.warnings)]:
            self.warnings.append(f"{outcome.names[place]}: {'; '.join(texts)}")
        self.labels.update(outcome.labels_N.tolist())

    def named_failures(self) -> str:
        """The first failures, one a line, and how many more there are."""
        return listing([f"{item['image']}: {item['error']}" for item in self.failures], self.failed)

    def label_counts(self, class_names: Sequence[str]) -> dict[str, int]:
        """How often each class was predicted."""
        return {name: self.labels.get(k, 0) for k, name in enumerate(class_names)}


def record_file(out: Path) -> Path:
    """Where the record of the job that made `out` lies."""
    return out.with_name(f"{out.name}.json")


def failures_file(out: Path) -> Path:
    """Where the failures of the job that made `out` lie."""
    return out.with_name(f"{out.name}.failed.csv")


def finished(out: Path, identity: Mapping[str, Any] | None = None) -> BatchResult | None:
    """The result of the job that made `out`; `None` if `out` is not there, is another job's, or was changed since.

    Args:
        out: the file of predictions.
        identity: what the job must have been; `None` takes any.
    """
    record = record_file(out)
    if not (record.is_file() and out.is_file()):
        return None
    try:
        content = read_json(record)
        lists = {name: tuple(content["result"][name]) for name in ("failures", "warnings", "notes")}
        result = BatchResult(**{**content["result"], **lists, "out": str(out), "reused": True})
    except (ValueError, KeyError, TypeError):
        return None
    if identity is not None and content["job"] != dict(identity):
        return None
    same = out.stat().st_size == result.size_bytes and sha256_file(out) == result.sha256
    return result if same else None
