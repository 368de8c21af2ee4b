"""Deployments that answer with a user's score.py, behind the same routes, keys, limits and counters as a bundle."""
