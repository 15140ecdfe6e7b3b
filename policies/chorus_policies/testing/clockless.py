"""A guard that makes reading a clock or the global source of chance an error.

It covers the modules ``time``, ``random`` and ``numpy.random``, in the calling thread. Not seen: a
name imported from them beforehand, and ``datetime``.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from chorus_traces.errors import PolicyError

_CLOCKS = tuple(
    name + unit
    for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time")
    for unit in ("", "_ns")
)


@contextmanager
def no_clock_or_global_chance() -> Iterator[None]:
    """Make reading a clock or global chance raise ``PolicyError`` in this thread, for a while."""
    reader = threading.get_ident()
    saved: list[tuple[ModuleType, str, Any]] = [
        (time, name, getattr(time, name)) for name in _CLOCKS
    ]
    for module in (random, np.random):
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value) and not isinstance(value, type) and name != "default_rng":
                saved.append((module, name, value))

    def guarded(place: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != reader:
                return original(*args, **kwargs)
            raise PolicyError(f"{place} was called; use `now` and the chance given in the Setting")

        return call

    try:
        for module, name, value in saved:
            setattr(module, name, guarded(f"{module.__name__}.{name}", value))
        yield
    finally:
        for module, name, value in saved:
            setattr(module, name, value)
