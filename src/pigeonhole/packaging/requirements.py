"""The base package's dependencies, and theirs, each at the version that runs here. Asks no index."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pigeonhole.core.errors import MissingDependencyError, listing


def pins(requirements: Sequence[str]) -> list[str]:
    """`name==version` for everything that the requirements lead to here, by name; extras only where they are asked for.

    Args:
        requirements: as a package's metadata writes them.

    Raises:
        MissingDependencyError: one is not installed, or not at a version that is wanted; all of them are named.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    waiting = _applying(requirements, "")
    seen = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        problem, version = _version(wanted)
        if problem:
            problems.append(problem)
            continue
        found[name] = version
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += _applying(distribution(name).requires or (), extra)
    if problems:
        raise MissingDependencyError(
            f"packages that serving needs:\n{listing(sorted(set(problems)))}",
            "an installation in which serving works",
            "pip install pigeonhole",
        )
    return [f"{name}=={found[name]}" for name in sorted(found)]


def _applying(requirements: Sequence[str], extra: str) -> list[Requirement]:
    """Those that hold on this machine; with an extra, only the ones that it brings."""
    parsed = [Requirement(text) for text in requirements]
    return [each for each in parsed if each.marker is None or each.marker.evaluate({"extra": extra})]


def _version(wanted: Requirement) -> tuple[str, str]:
    """What is wrong, or nothing; and the installed version."""
    try:
        version = distribution(wanted.name).version
    except PackageNotFoundError:
        return f"{wanted.name} is not installed", ""
    if not wanted.specifier.contains(version, prereleases=True):
        return f"{wanted.name} {version}, where {wanted.specifier} is wanted", version
    return "", version
