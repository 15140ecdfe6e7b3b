"""The plan: from a trace to the fewest GPUs and the cheapest cache that meet a target."""
