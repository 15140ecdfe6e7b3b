"""Plots: each file draws one chart of a finished run."""
