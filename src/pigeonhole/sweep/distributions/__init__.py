"""The ten distributions of a search space, one concept a file."""

from pigeonhole.sweep.distributions.base import Distribution
from pigeonhole.sweep.distributions.choice import Choice
from pigeonhole.sweep.distributions.log_uniform import LogUniform, QLogUniform
from pigeonhole.sweep.distributions.normal import LogNormal, Normal, QLogNormal, QNormal
from pigeonhole.sweep.distributions.randint import RandInt
from pigeonhole.sweep.distributions.reading import DISTRIBUTIONS, AnyDistribution, read_distribution
from pigeonhole.sweep.distributions.uniform import QUniform, Uniform

__all__ = [
    "DISTRIBUTIONS",
    "AnyDistribution",
    "Choice",
    "Distribution",
    "LogNormal",
    "LogUniform",
    "Normal",
    "QLogNormal",
    "QLogUniform",
    "QNormal",
    "QUniform",
    "RandInt",
    "Uniform",
    "read_distribution",
]
