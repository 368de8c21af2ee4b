"""The termination policies, one a file: pure functions of the values that trials of a lower number had so far."""

from pigeonhole.sweep.policies.bandit import Bandit
from pigeonhole.sweep.policies.base import EarlyTermination
from pigeonhole.sweep.policies.hyperband import Hyperband
from pigeonhole.sweep.policies.median_stopping import MedianStopping
from pigeonhole.sweep.policies.reading import POLICIES, AnyEarlyTermination
from pigeonhole.sweep.policies.truncation_selection import TruncationSelection

__all__ = [
    "POLICIES",
    "AnyEarlyTermination",
    "Bandit",
    "EarlyTermination",
    "Hyperband",
    "MedianStopping",
    "TruncationSelection",
]
