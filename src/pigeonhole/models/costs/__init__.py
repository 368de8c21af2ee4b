"""What a spec costs before it is fitted: seconds of one core, and bytes. Imports no framework and fits nothing."""

from pigeonhole.models.costs.cost import Cost
from pigeonhole.models.costs.estimating import ESTIMATED, estimate

__all__ = ["ESTIMATED", "Cost", "estimate"]
