"""The sampling algorithms, one a file: pure functions of the seed, the trial's number and the trials that ended."""

from pigeonhole.sweep.samplers.base import Problem, SamplingAlgorithm, Setting
from pigeonhole.sweep.samplers.reading import SAMPLING_ALGORITHMS, AnySamplingAlgorithm

__all__ = ["SAMPLING_ALGORITHMS", "AnySamplingAlgorithm", "Problem", "SamplingAlgorithm", "Setting"]
