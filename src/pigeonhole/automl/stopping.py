"""When a search ends before its time: nothing better is found any more, or it is good enough. Pure."""

from __future__ import annotations

from collections.abc import Sequence

# Azure ML: the first 20 trials are landmarks, then a window of 10 without a better score ends the search.
LANDMARKS, WINDOW = 20, 10


def why_to_stop(scores: Sequence[float], *, early_termination: bool, exit_score: float | None) -> str | None:
    """Why the search may end now; `None` to go on.

    Args:
        scores: of the fits on all images, in order of their ends.
        early_termination: whether Azure ML's rule holds.
        exit_score: what is good enough.
    """
    if exit_score is not None and max(scores, default=float("-inf")) >= exit_score:
        return f"the score reached exit_score, {exit_score:g}"
    if early_termination and len(scores) > LANDMARKS + WINDOW and max(scores[:-WINDOW]) >= max(scores[-WINDOW:]):
        return f"the best score did not change over the last {WINDOW} of {len(scores)} fits on all images"
    return None
