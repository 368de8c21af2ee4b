"""What can be told of a score.py without running it: its syntax, and that it has init() and a run() to call."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pigeonhole.core.errors import DataError, listing

ACCEPTED = "a Python file with init(), and run(data) that takes the body of a request"
REMEDY = "mend the script, and register the folder again"


def check(path: Path) -> None:
    """Nothing, where the script can be tried.

    Raises:
        DataError: it is no Python, or lacks a function; all that is wrong is named.
    """
    tree = _parsed(path)
    problems = list(_problems(tree))
    if problems:
        raise DataError(f"{path}:\n{listing(problems)}", ACCEPTED, REMEDY)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        line = f"line {error.lineno}: {(error.text or '').strip()}" if error.lineno else "a byte that is no text"
        raise DataError(f"{path} is no Python: {error.msg} ({line})", ACCEPTED, REMEDY) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"{path} is no Python: {error}", ACCEPTED, REMEDY) from error


def _problems(tree: ast.Module) -> Iterator[str]:
    statements = list(_at_the_top(tree.body))
    bound = {name for statement in statements for name in _names(statement)}
    for name in ("init", "run"):
        if name not in bound and "*" not in bound:
            yield f"no function {name}()"
    for statement in statements:
        if isinstance(statement, ast.AsyncFunctionDef) and statement.name in ("init", "run"):
            yield f"line {statement.lineno}: async def {statement.name}, where a plain function is called"
        if isinstance(statement, ast.FunctionDef) and statement.name == "run":
            yield from _problems_of_run(statement)


def _problems_of_run(run: ast.FunctionDef) -> Iterator[str]:
    given = run.args
    if given.vararg or given.kwarg or given.posonlyargs:
        yield f"line {run.lineno}: run() with *args, **kwargs or positional-only arguments"
    elif not [one for one in (*given.args, *given.kwonlyargs) if one.arg != "request_headers"]:
        yield f"line {run.lineno}: run() without an argument for the data"


def _at_the_top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that bind the module's names, those inside `if`, `try` and `with` too."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for name in ("body", "orelse", "finalbody"):
                yield from _at_the_top(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                yield from _at_the_top(handler.body)


def _names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name) for alias in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
