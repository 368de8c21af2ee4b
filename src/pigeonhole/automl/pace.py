"""How long a fit will take: what its candidate declares, corrected by what fits took here. Measures nothing itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.fits import Fit, Tried
from pigeonhole.models.costs import Cost

Declared = Callable[[Candidate, int], Cost]
# So many seconds of start-up hide in every fit; without them short fits would say that all is slow.
_STARTING_S = 1.0
_LEAST, _MOST = 0.1, 20.0


@dataclass(frozen=True)
class Pace:
    """Seconds of this machine.

    Attributes:
        declared: what a candidate costs on so many images.
        tried: the fits so far.
    """

    declared: Declared
    tried: Sequence[Tried]

    def fit_s(self, fit: Fit) -> float:
        """Training and scoring, as one thread of this machine does them."""
        return self.of(fit.candidate, fit.images)

    def of(self, candidate: Candidate, images: int, *, exported: bool = True) -> float:
        """As `fit_s`, for a candidate that is not proposed yet; with the making of its bundle, or without."""
        fitted_s = self._bare(candidate, images) * self._factor(candidate)
        return fitted_s + (self.declared(candidate, images).export_s if exported else 0.0)

    def memory_bytes(self, fit: Fit) -> int:
        """What the process of the fit will hold at most."""
        return self.declared(fit.candidate, fit.images).memory_bytes

    def _bare(self, candidate: Candidate, images: int) -> float:
        cost = self.declared(candidate, images)
        return cost.fit_s + cost.predict_s

    def _factor(self, candidate: Candidate) -> float:
        """Of the largest fit of the same preset; else the mean of its kind; else none."""
        ended = [tried for tried in self.tried if tried.is_ok and tried.fit.candidate.kind == candidate.kind]
        own = [tried for tried in ended if tried.fit.candidate.preset == candidate.preset]
        if own:
            return self._ratio(max(own, key=lambda tried: (tried.fit.images, tried.number)))
        if ended:
            return math.exp(sum(math.log(self._ratio(tried)) for tried in ended) / len(ended))
        return 1.0

    def _ratio(self, tried: Tried) -> float:
        declared = self._bare(tried.fit.candidate, tried.fit.images)
        ratio = (tried.fit_s + _STARTING_S) / (declared + _STARTING_S)
        return min(max(ratio, _LEAST), _MOST)
