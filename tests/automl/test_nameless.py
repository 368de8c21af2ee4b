"""What a search decides follows from shapes, counts and scores: a dataset's name, checksum and class names are for
labels, lineage and the identity of a search alone.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import pigeonhole
from pigeonhole.automl.budget import Budget
from pigeonhole.automl.fits import Tried
from pigeonhole.automl.loop import Ended, Search
from pigeonhole.automl.record import SearchRecord
from pigeonhole.automl.settings import from_command
from pigeonhole.compute.job import Job
from pigeonhole.core.database import Database
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import Dataset
from pigeonhole.workflows.automl import search as workflow
from pigeonhole.workflows.automl.data import SearchData
from tests.automl.searching import FakeCompute
from tests.workflows.automl_data import blots

SOURCE = Path(pigeonhole.__file__).parent
# Where a search decides. `data` is none of them, and neither is what only shows or keeps what was decided.
ROOMS = ("automl", "models", "evaluation")
# What a dataset has besides its images, labels, groups and splits.
TELLING = {"sha256", "dataset_sha256", "class_names", "ref", "manifest", "origins", "image_sha256", "folder"}
HOLDERS = {"source", "dataset"}
# Every place that reads such a thing for more than the number of classes, and what it does with it.
READ = {
    # The name of the search's folder; the checksum tells whether it is the same search.
    ("workflows/automl/search.py", "_made", "source.name"),
    ("workflows/automl/search.py", "_made", "source.sha256"),
    # Shown: to the user, in a refusal.
    ("workflows/automl/search.py", "dataset", "source.ref"),
    ("workflows/automl/ends.py", "outcome", "source.ref"),
    # By which a job opens it, and the line that the run says of itself.
    ("workflows/automl/jobs.py", "shared_arguments", "source.ref"),
    ("workflows/automl/ensembles.py", "make", "source.ref"),
    # The run's lineage.
    ("workflows/automl/fits.py", "_exported", "source.ref"),
    ("workflows/automl/fits.py", "_exported", "source.sha256"),
    # The labels of the bundle.
    ("workflows/automl/fits.py", "_trained", "source.class_names"),
    # Guardrails: the name of the smallest class is told, and equal images are counted.
    ("workflows/automl/ends.py", "_guardrails", "source.class_names"),
    ("workflows/automl/ends.py", "_guardrails", "source.image_sha256"),
    ("automl/guardrails.py", "guardrails", "class_names"),
    ("automl/guardrails.py", "_check", "class_names"),
    # The contents' checksum is hashed with the settings.
    ("automl/settings/plain.py", "identity", "dataset_sha256"),
    # Handed on to the trained model, whose outputs they label; a checkpoint of other classes is not gone on from.
    ("models/networks/training/fit.py", "_finish", "data.class_names"),
    ("models/networks/checkpoints/fingerprint.py", "mark", "data.class_names"),
    ("models/networks/trained.py", "save", "self.class_names"),
    ("models/networks/trained.py", "_from_json", "class_names"),
    ("models/classical/fit.py", "fit_estimator", "data.class_names"),
    # The labels of figures.
    ("evaluation/figures.py", "to_dict", "self.class_names"),
    ("evaluation/figures.py", "evaluate", "class_names"),
    ("evaluation/figures.py", "_by_class", "class_names"),
}


class _Reads(ast.NodeVisitor):
    """Finds who reads what, but for `len(…)` of it: the number of classes is no secret."""

    def __init__(self) -> None:
        self.found: set[tuple[str, str]] = set()
        self.imported: set[str] = set()
        self._function = ""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._function = self._function, node.name
        self.generic_visit(node)
        self._function = outer

    def visit_Call(self, node: ast.Call) -> None:
        is_count = isinstance(node.func, ast.Name) and node.func.id == "len"
        for child in node.keywords if is_count else ast.iter_child_nodes(node):
            self.visit(child)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        holder = _last(node.value)
        if isinstance(node.ctx, ast.Load) and (node.attr in TELLING or node.attr == "name") and _tells(holder, node):
            self.found.add((self._function, f"{holder}.{node.attr}"))
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id in {"class_names", "dataset_sha256"}:
            self.found.add((self._function, node.id))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        self.imported |= {module, *(f"{module}.{name.name}" for name in node.names)}

    def visit_Import(self, node: ast.Import) -> None:
        self.imported |= {name.name for name in node.names}


def _last(node: ast.expr) -> str:
    """`self.own.source` → `source`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _tells(holder: str, node: ast.Attribute) -> bool:
    """Class names are a dataset's wherever they are; a name, a folder or a hash may be anything's."""
    return node.attr in {"class_names", "dataset_sha256"} or holder in HOLDERS


def _files() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((SOURCE / room).rglob("*.py"))
    yield from sorted((SOURCE / "workflows" / "automl").glob("*.py"))


@cache
def _reads(path: Path) -> _Reads:
    reads = _Reads()
    reads.visit(ast.parse(path.read_text(encoding="utf-8")))
    return reads


def test_only_these_places_read_a_name_a_checksum_or_class_names() -> None:
    found = {
        (path.relative_to(SOURCE).as_posix(), function, what)
        for path in _files()
        for function, what in _reads(path).found
    }
    assert found == READ


def test_where_decisions_are_made_there_is_no_dataset_at_all() -> None:
    for room in ROOMS:
        for path in (SOURCE / room).rglob("*.py"):
            imported = _reads(path).imported
            assert not [name for name in imported if name.startswith(("pigeonhole.data", "pigeonhole.workflows"))], path


@pytest.mark.parametrize(
    "line",
    [
        'def f(source):\n    return "deep" if source.name == "mnist" else "flat"',
        "def f(job):\n    return EPOCHS[job.own.source.sha256]",
        'def f(data):\n    return 9 if "cat" in data.class_names else 1',
        "def f(dataset):\n    return dataset.manifest",
    ],
)
def test_the_check_sees_what_it_is_there_for(line: str) -> None:
    reads = _Reads()
    reads.visit(ast.parse(line))
    assert reads.found


def test_the_check_lets_counts_and_other_names_pass() -> None:
    reads = _Reads()
    reads.visit(ast.parse("def f(source, preset, path):\n    return len(source.class_names), preset.name, path.name"))
    assert not reads.found


@pytest.fixture
def datasets(tmp_path: Path) -> list[Dataset]:
    """The same images and labels under two names, with classes of other names."""
    space = Workspace(tmp_path / ".pigeonhole")
    return [
        blots(tmp_path, space, name="digits", class_names=("0", "1", "2"), images=3_000),
        blots(tmp_path, space, name="cats-and-dogs", class_names=("cat", "dog", "none of them"), images=3_000),
    ]


@pytest.mark.parametrize(("folds", "budget_s"), [(None, 60.0), (3, 60.0), (None, 600.0)])
def test_other_names_lead_to_the_same_fits_in_the_same_order(
    datasets: list[Dataset], tmp_path: Path, folds: int | None, budget_s: float
) -> None:
    settings = from_command("any", budget=budget_s, folds=folds)
    settings = settings.for_images(2_700, 900, 270)
    one, other = (SearchData(dataset, settings.folds, settings.seed) for dataset in datasets)
    assert one.facts(2) == other.facts(2)
    courses = [_course(settings, own, tmp_path / f"{own.source.name}.db") for own in (one, other)]
    assert courses[0] == courses[1]
    assert len(courses[0]) > 10


def _course(settings: workflow.AutomlSettings, own: SearchData, records: Path) -> list[tuple[object, ...]]:
    """The whole course of a search whose scores and seconds depend on the fit alone."""
    plan = workflow._plan(settings.model_copy(update={"concurrent": 2}), own)
    compute = FakeCompute(2, _made_up)
    record = SearchRecord(Database(f"sqlite:///{records}"), "s")

    def job(one: Tried, left_s: float) -> Job:
        return Job(one.fit.key, Path("log"), "module:function", {"left_s": left_s})

    ended: Ended = Search(plan, record, compute, job, Budget(settings.budget_s, clock=compute.clock), _Nobody()).run()  # type: ignore[arg-type]
    return [
        (one.fit, one.state, one.score, one.run_id, one.at_s, plan.declared(one.fit.candidate, one.fit.images))
        for one in ended.tried
    ]


class _Nobody:
    def on_fits(self, tried: object, left_s: float) -> None:
        """Looks away."""


def _made_up(key: str) -> tuple[float, float]:
    digest = hashlib.sha256(key.encode()).digest()
    return 0.2 + digest[0] / 100, 0.8 + digest[1] / 2_000


def test_other_names_lead_to_the_same_images(datasets: list[Dataset]) -> None:
    for folds, parts in ((None, ("hold-out", "refit")), (3, ("fold 1/3", "fold 3/3", "all"))):
        one, other = (SearchData(dataset, folds, 7) for dataset in datasets)
        for part in parts:
            for images in (500, len(one.rows)):
                assert np.array_equal(one.learned_rows(images, part), other.learned_rows(images, part))
            assert np.array_equal(one.held_rows(part), other.held_rows(part))
        assert np.array_equal(one.stack_rows(), other.stack_rows())
