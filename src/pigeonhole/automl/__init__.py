"""AutoML: what to fit next, what it costs, which is best; and the loop around it. Trains and exports nothing itself."""
