"""Write libcachesim_zipf100k.json: the misses libcachesim counts on a seeded Zipf trace.

Needs libcachesim 0.3.5 (GPL; an oracle, never a dependency). The tests read only the JSON.

    python tests/golden/make_libcachesim_zipf100k.py
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

TRACE = {"requests": 100_000, "objects": 10_000, "alpha": 1.0, "seed": 20_240_917}
CAPACITIES = (100, 500, 1000, 2500)
ALGORITHMS = {"fifo": "FIFO", "lfu": "LFU", "lru": "LRU", "s3fifo": "S3FIFO", "sieve": "Sieve"}
COMMAND = "python tests/golden/make_libcachesim_zipf100k.py"


def zipf_objects(requests: int, objects: int, alpha: float, seed: int) -> Any:
    """Return the object of each request: rank r is drawn with a chance proportional to r^-alpha."""
    weights = 1.0 / np.arange(1, objects + 1) ** alpha
    ends = np.cumsum(weights / weights.sum())
    drawn = np.random.Generator(np.random.PCG64(seed)).random(requests)
    return np.minimum(np.searchsorted(ends, drawn, side="right"), objects - 1).astype(np.int64)


def main() -> None:
    """Run every algorithm at every capacity, in objects of size 1, and write the counts."""
    import libcachesim

    objects = zipf_objects(**TRACE)
    requests = []
    for instant, item in enumerate(objects.tolist()):
        request = libcachesim.Request()
        request.obj_id = item + 1
        request.obj_size = 1
        request.clock_time = instant
        requests.append(request)
    misses = {}
    for kind, name in ALGORITHMS.items():
        misses[kind] = {}
        for capacity in CAPACITIES:
            cache = getattr(libcachesim, name)(capacity)
            misses[kind][str(capacity)] = sum(not cache.get(request) for request in requests)
    content = {
        "command": COMMAND,
        "oracle": "libcachesim 0.3.5, default parameters, obj_size 1",
        "trace": TRACE,
        "trace_sha256": hashlib.sha256(objects.tobytes()).hexdigest(),
        "misses": misses,
    }
    path = Path(__file__).with_name("libcachesim_zipf100k.json")
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
