"""Optimizers by name; torch's own where it has them, ours where Keras' or the paper's formula is another."""
