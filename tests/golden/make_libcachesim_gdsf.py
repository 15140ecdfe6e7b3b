"""Write libcachesim_gdsf.json: the misses of libcachesim's GDSF by bytes on a seeded Zipf trace.

Once with equal sizes and once with sizes that differ 32-fold. Needs libcachesim 0.3.5 (GPL; an
oracle, never a dependency). The tests read only the JSON.

    python tests/golden/make_libcachesim_gdsf.py
"""

import hashlib
import json
from pathlib import Path

#: Sizes are whole numbers of this; a capacity is a number of average entries.
UNIT = 2**19
CAPACITIES = (100, 500, 1000, 2500)
COMMAND = "python tests/golden/make_libcachesim_gdsf.py"


def size_bytes(item: int, *, vary: bool) -> int:
    """Return the bytes of an object: two units, or 2 to 65 of them by a multiplicative hash."""
    return UNIT * (2 + (item * 2_654_435_761 % 2**32) // 2**26) if vary else 2 * UNIT


def main() -> None:
    """Run GDSF at every capacity and write the counts."""
    import libcachesim
    from make_libcachesim_zipf100k import TRACE, zipf_objects

    objects = zipf_objects(**TRACE)
    misses: dict[str, dict[str, int]] = {}
    for name, average in (("equal", 2), ("varied", 33)):
        misses[name] = {}
        for capacity in CAPACITIES:
            capacity_bytes = capacity * average * UNIT
            cache = libcachesim.GDSF(capacity_bytes)
            request = libcachesim.Request()
            count = 0
            for instant, item in enumerate(objects.tolist()):
                request.obj_id = item + 1
                request.obj_size = size_bytes(item, vary=name == "varied")
                request.clock_time = instant
                count += not cache.get(request)
            misses[name][str(capacity_bytes)] = count
    content = {
        "command": COMMAND,
        "oracle": "libcachesim 0.3.5, GDSF with default parameters",
        "trace": TRACE,
        "trace_sha256": hashlib.sha256(objects.tobytes()).hexdigest(),
        "misses_by_capacity_bytes": misses,
    }
    path = Path(__file__).with_name("libcachesim_gdsf.json")
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
