"""A training from start to end: the loop, what it minimises and records, when it stops, and how it is gone on with."""
