"""Evictions the compiled loop knows, one a file, each equal to its twin in ``chorus_policies``."""
