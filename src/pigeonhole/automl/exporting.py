"""Whether a fit that has its score is to be exported. Pure; exports nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from pigeonhole.automl.fits import ALL, HOLD_OUT, Fit, Tried

# Azure ML's rule for members of an ensemble: nothing below 0.95 of the best.
_ELIGIBLE = 0.95
# On the way only what is clearly better than the best that is there: exporting takes seconds.
_FEWER_ERRORS = 0.8


def is_to_be_exported(fit: Fit, score: float | None, tried: Sequence[Tried], train_images: int) -> bool:
    """Whether a bundle is made of it: of all that an ensemble may have, and on the way there of what is much better.

    Args:
        fit: what was fitted.
        score: its score; `None` for the last fit after all folds.
        tried: all fits so far.
        train_images: how many images are all.
    """
    if fit.part == ALL or score is None:
        return fit.part == ALL
    if fit.images == train_images and fit.part != HOLD_OUT:
        return False
    scores = [one.score for one in tried if one.score is not None]
    if fit.images == train_images and score >= _ELIGIBLE * max(scores, default=score):
        return True
    there = [one.score for one in tried if one.run_id is not None and one.score is not None]
    return not there or (1 - score) <= _FEWER_ERRORS * (1 - max(there))
