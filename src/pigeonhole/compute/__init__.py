"""Runs jobs: in local processes, on Ray, on Azure ML. Knows nothing of machine learning."""
