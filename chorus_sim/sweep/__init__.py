"""Sweep: every point of a grid of scenarios, computed once, on one machine or many."""
