"""The Zipf trace of the libcachesim goldens, made again from its numbers."""

import hashlib
from typing import Any

import numpy as np


def objects_of(golden: dict[str, Any]) -> list[int]:
    """Return the object of each request; fails unless it is the very trace of the golden file."""
    trace = golden["trace"]
    weights = 1.0 / np.arange(1, trace["objects"] + 1) ** trace["alpha"]
    ends = np.cumsum(weights / weights.sum())
    drawn = np.random.Generator(np.random.PCG64(trace["seed"])).random(trace["requests"])
    made = np.minimum(np.searchsorted(ends, drawn, side="right"), trace["objects"] - 1)
    made = made.astype(np.int64)
    assert hashlib.sha256(made.tobytes()).hexdigest() == golden["trace_sha256"]
    return [int(item) for item in made]
