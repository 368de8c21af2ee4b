"""Searches for the best model within a budget: candidates, what to fit next, ensembles, leaderboard. Trains nothing."""
