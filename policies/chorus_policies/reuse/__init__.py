"""Reuse: how much of a neighbour's work a request takes over."""
