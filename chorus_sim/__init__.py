"""The simulator: the cache and its policies in simulated time."""
