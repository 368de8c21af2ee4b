"""AutoML: candidates with their costs, what to fit next, ensembles, leaderboard and guardrails. Trains nothing."""
