"""The spec of a sweep: read, checked as a whole, and made into a sampler and a policy."""

from pigeonhole.sweep.spec.expressions import render
from pigeonhole.sweep.spec.reading import read_sweep
from pigeonhole.sweep.spec.sweep import SweepSpec

__all__ = ["SweepSpec", "read_sweep", "render"]
