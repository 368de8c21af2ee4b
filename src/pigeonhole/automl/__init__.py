"""AutoML within a budget: candidates, ensembles, the leaderboard, and the loop that decides what to fit next."""
