"""The five states of an endpoint, as Azure ML's web services name them."""

from __future__ import annotations

TRANSITIONING = "Transitioning"
HEALTHY = "Healthy"
UNHEALTHY = "Unhealthy"
UNSCHEDULABLE = "Unschedulable"
FAILED = "Failed"
STATES = (TRANSITIONING, HEALTHY, UNHEALTHY, UNSCHEDULABLE, FAILED)
# Of these a deployment that is starting comes to rest in one.
SETTLED = (HEALTHY, UNHEALTHY, UNSCHEDULABLE, FAILED)
