"""What-ifs: the same trace with one thing changed, to see what a cache owes to it."""

from chorus_traces.what_if.change import change, parse_changes
from chorus_traces.what_if.preload import preload, preloaded_requests

__all__ = ["change", "parse_changes", "preload", "preloaded_requests"]
