<<<<<<< HEAD
"""Sweeps: a search space, a sampler, early termination, and the loop around them. Trains nothing itself."""
=======
"""Sweeps: a search space, a sampler, early termination, and the loop that holds them together. Trains nothing."""
>>>>>>> engine
