"""How long workers took to pick a request up, which is part of what serving it costs.

A thread that is free needs a moment to begin with a request that waits: it wakes up, or ends the
bookkeeping of the one before. No stage counts that time, and nobody else can use the worker in it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from chorus_policies.live.record import Record

#: Seconds. Whoever waited longer for a free worker waited for something else: for the run of an
#: identical request, or for one that failed and left no record.
MOST_S = 0.05


def pick_ups(records: Iterable[Record]) -> dict[str, float]:
    """Return, by id, the seconds from when its worker was free and the request there to its start.

    Requests without a worker, and those that waited for something else, are left out.
    """
    by_worker: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        if record.worker >= 0:
            by_worker[record.worker].append(record)
    found = {}
    for rows in by_worker.values():
        free_s = 0.0
        for record in sorted(rows, key=lambda one: one.start_s):
            taken_s = max(0.0, record.start_s - max(record.arrival_s, free_s))
            if taken_s <= MOST_S:
                found[record.id] = taken_s
            free_s = record.start_s + record.held_s
    return found


def begun_at_pick_up(
    records: Mapping[str, Record], taken_s: Mapping[str, float]
) -> dict[str, Record]:
    """Return the records with their worker held from when it could have begun."""
    return {
        name: msgspec.structs.replace(
            record, start_s=record.start_s - waited, held_s=record.held_s + waited
        )
        if (waited := taken_s.get(name))
        else record
        for name, record in records.items()
    }
