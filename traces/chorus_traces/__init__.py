"""Traces: requests with their arrival instants and embeddings; no clock, no cache."""
