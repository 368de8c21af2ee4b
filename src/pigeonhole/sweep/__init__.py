"""Sweeps: a search space, a sampler, early termination, and the loop around them. Trains nothing itself."""
