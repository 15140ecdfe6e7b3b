"""Sends a trace to a server at its instants and notes what came back."""
