"""How a lineage is drawn: what came one from another is a stair, members of an ensemble stand side by side."""

from __future__ import annotations

from pigeonhole.cli.project import depths


def test_members_stand_side_by_side_and_what_came_from_one_deeper():
    members = ["", "", "vote", "", "vote", ""]
    assert depths([{"member_of": member} for member in members]) == [0, 1, 2, 3, 2, 3]
    assert depths([{"member_of": ""}] * 3) == [0, 1, 2]
