"""Who gets which share of the requests: read, checked, and dealt out anew where a deployment is missing. No records."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import UsageError, listing
from pigeonhole.endpoints.plans import Slot

Shares = Mapping[str, int] | str
MIRROR_LIMIT = 50
NAME_LIMITS = (3, 32)
_NAME = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")


def name_problem(name: str, what: str) -> list[str]:
    """What speaks against a new name; it follows Azure ML's pattern, so that it can be used there too."""
    low, high = NAME_LIMITS
    if _NAME.fullmatch(name) and low <= len(name) <= high:
        return []
    rule = f"{low} to {high} letters, digits and '-', beginning with a letter and not ending with '-'"
    return [f"the {what} name {name!r} is not {rule}"]


def divided(slots: Sequence[Slot], traffic: Shares | None, mirror: Shares | None) -> tuple[Slot, ...]:
    """The deployments with the shares asked for; what is not named gets none.

    Args:
        slots: the endpoint's deployments.
        traffic: percent by deployment, or `blue=90,green=10`; `None` leaves the traffic as it is.
        mirror: likewise, of the requests that are copied.

    Raises:
        UsageError: a share is unfit; all problems are named.
    """
    problems: list[str] = []
    known = [slot.name for slot in slots]
    answered = _read("traffic", traffic, known, problems)
    copied = _read("mirror", mirror, known, problems)
    problems += _sums(answered, copied)
    if problems:
        raise UsageError(
            f"the shares:\n{listing(problems)}",
            f"whole percent for {_listed(known)}: traffic of 0 or 100 in all, and a mirror of at most {MIRROR_LIMIT}"
            " for one deployment",
            "for example --traffic " + example(known),
        )
    return tuple(
        replace(
            slot,
            traffic=slot.traffic if answered is None else answered.get(slot.name, 0),
            mirror=slot.mirror if copied is None else copied.get(slot.name, 0),
        )
        for slot in slots
    )


def example(names: Sequence[str]) -> str:
    """A division that would be accepted: `blue=90,green=10`."""
    if len(names) == 1:
        return f"{names[0]}=100"
    return f"{names[0]}=90,{names[1]}=10"


def without(slots: Sequence[Slot], generation: int) -> tuple[Slot, ...]:
    """The deployments but one, which cannot answer: its traffic goes to the others, in proportion to theirs.

    Where the others have none, none is made up: they go on answering those who ask for them by name.
    """
    rest = [slot for slot in slots if slot.generation != generation]
    total = sum(slot.traffic for slot in rest)
    if not total:
        return tuple(rest)
    exact = [slot.traffic * 100 / total for slot in rest]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(rest)), key=lambda index: shares[index] - exact[index])
    for index in by_remainder[: 100 - sum(shares)]:
        shares[index] += 1
    return tuple(replace(slot, traffic=share) for slot, share in zip(rest, shares, strict=True))


def _read(what: str, shares: Shares | None, known: Sequence[str], problems: list[str]) -> dict[str, int] | None:
    """Percent by name; `None` where nothing was given, or something that is no number and adds up to nothing."""
    if shares is None:
        return None
    unread = len(problems)
    pairs = list(shares.items()) if isinstance(shares, Mapping) else _pairs(what, shares, problems)
    found = {name: _percent(what, name, value, problems) for name, value in pairs}
    readable = len(problems) == unread
    names = [name for name, _ in pairs]
    problems += [f"{what}: {name} is given {names.count(name)} times" for name in found if names.count(name) > 1]
    problems += [
        f"{what}: there is no deployment {name!r}{suggestion(name, known)}" for name in found if name not in known
    ]
    return found if readable else None


def _pairs(what: str, text: str, problems: list[str]) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if equals and name:
            pairs.append((name, value.removesuffix("%")))
        else:
            problems.append(f"{what}: {part.strip()!r} is not NAME=PERCENT")
    return pairs


def _percent(what: str, name: str, value: object, problems: list[str]) -> int:
    text = str(value)
    # The length first: there are numbers of a million digits.
    if isinstance(value, bool) or len(text) > 6 or not re.fullmatch(r"[0-9]+", text) or int(text) > 100:
        shown = text if len(text) <= 20 else f"{text[:20]}…"
        problems.append(f"{what}: {name} is {shown!r}, not a whole number from 0 to 100")
        return 0
    return int(text)


def _sums(traffic: Mapping[str, int] | None, mirror: Mapping[str, int] | None) -> list[str]:
    problems = []
    if traffic is not None and sum(traffic.values()) not in (0, 100):
        problems.append(f"traffic: {sum(traffic.values())} in all, not 0 or 100")
    copied = {name: share for name, share in (mirror or {}).items() if share}
    if len(copied) > 1:
        problems.append(f"mirror: {len(copied)} deployments ({', '.join(copied)}), not one")
    problems += [
        f"mirror: {name} is {share}, above {MIRROR_LIMIT}" for name, share in copied.items() if share > MIRROR_LIMIT
    ]
    return problems


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
