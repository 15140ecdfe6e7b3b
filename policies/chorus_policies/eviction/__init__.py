"""Eviction: who leaves next. One algorithm, one file."""
