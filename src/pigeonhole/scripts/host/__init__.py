"""The process in which a user's script runs. Nothing of pigeonhole imports this; it is started by `scripts.process`."""
