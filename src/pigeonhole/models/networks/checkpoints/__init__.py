"""A training's whole state on disk, and which training may go on from it."""
