"""The resident entries of one tier: bytes, pins, exact results; as ``Cache`` and ``Tier`` do it."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_policies.tier import MOST_IN_FLIGHT
from chorus_sim.compiled.contract import admitted, hit, removed, short_of, trimmed, trims, victim
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.options import FRESH

#: Places in ``Residents.totals``.
OCCUPIED, PINNED, EVICTED, EVICTIONS, FLYING = 0, 1, 2, 3, 4


class Residents(NamedTuple):
    """One row per request, for the entry it left; valid while ``resident``.

    ``newest`` has one place per identity: the most recent exact result, -1 for none; ``older`` and
    ``newer`` chain the results of one identity. ``totals`` are bytes and a count (places above).
    """

    resident: npt.NDArray[np.bool_]
    pins: npt.NDArray[np.int32]
    size_bytes: npt.NDArray[np.int64]
    core_bytes: npt.NDArray[np.int64]
    first_step: npt.NDArray[np.int32]
    last_step: npt.NDArray[np.int32]
    donor: npt.NDArray[np.int32]
    donor_quanta: npt.NDArray[np.int16]
    cost_s: npt.NDArray[np.float64]
    finished: npt.NDArray[np.bool_]
    published: npt.NDArray[np.bool_]
    exact_of: npt.NDArray[np.int32]
    newest: npt.NDArray[np.int32]
    older: npt.NDArray[np.int32]
    newer: npt.NDArray[np.int32]
    totals: npt.NDArray[np.int64]


def no_residents(requests: int, identities: int) -> Residents:
    """Return an empty tier."""
    return Residents(
        resident=np.zeros(requests, np.bool_),
        pins=np.zeros(requests, np.int32),
        size_bytes=np.zeros(requests, np.int64),
        core_bytes=np.zeros(requests, np.int64),
        first_step=np.zeros(requests, np.int32),
        last_step=np.zeros(requests, np.int32),
        donor=np.full(requests, -1, np.int32),
        donor_quanta=np.zeros(requests, np.int16),
        cost_s=np.zeros(requests),
        finished=np.zeros(requests, np.bool_),
        published=np.zeros(requests, np.bool_),
        exact_of=np.full(requests, -1, np.int32),
        newest=np.full(max(1, identities), -1, np.int32),
        older=np.full(requests, -1, np.int32),
        newer=np.full(requests, -1, np.int32),
        totals=np.zeros(5, np.int64),
    )


@compiled
def reuse(residents: Any, eviction: Any, donor: int, kind: int) -> None:
    """Pin ``donor`` and tell the eviction that a plan of ``kind`` uses it."""
    if residents.pins[donor] == 0:
        residents.totals[PINNED] += residents.size_bytes[donor]
    residents.pins[donor] += 1
    hit(eviction, residents, donor, kind)


@compiled
def release(residents: Any, donor: int) -> None:
    """Take one pin off ``donor``."""
    residents.pins[donor] -= 1
    if residents.pins[donor] == 0:
        residents.totals[PINNED] -= residents.size_bytes[donor]


@compiled
def store(
    residents: Any,
    eviction: Any,
    options: Any,
    requests: Any,
    capacity: int,
    key: int,
    option: int,
    donor: int,
    quanta: int,
    cost_s: float,
    finished: bool,
) -> None:
    """Keep the result of ``key`` made by ``option``, evicting as needed, where it can be kept.

    One that is not ``finished`` is published: pinned, and no exact result, until ``finish``.
    """
    class_ = requests.class_of[key]
    size_bytes = options.size_bytes[class_, option]
    first_step, last_step = options.first_step[class_, option], options.last_step[class_, option]
    if not finished:
        size_bytes = options.bytes_in_flight[class_, option]
        first_step = options.first_in_flight[class_, option]
        last_step = options.last_in_flight[class_, option]
    totals = residents.totals
    if size_bytes > capacity or totals[PINNED] + size_bytes > capacity:
        return
    while totals[OCCUPIED] + size_bytes > capacity:
        short_of(eviction, totals[OCCUPIED] + size_bytes - capacity)
        _make_room(residents, eviction, victim(eviction, residents))
    residents.resident[key] = True
    residents.size_bytes[key] = size_bytes
    residents.core_bytes[key] = options.core_bytes[class_, option]
    residents.first_step[key], residents.last_step[key] = first_step, last_step
    residents.donor[key] = donor
    residents.donor_quanta[key] = quanta
    residents.cost_s[key] = cost_s
    totals[OCCUPIED] += size_bytes
    residents.finished[key] = finished
    admitted(eviction, residents, key)
    if not finished:
        residents.pins[key] += 1
        totals[PINNED] += size_bytes
        totals[FLYING] += size_bytes
        return
    _add_exact(residents, options, requests, key, option)


@compiled
def publish(
    residents: Any, options: Any, requests: Any, capacity: int, key: int, option: int
) -> bool:
    """Tell whether a run in flight may be offered; from then on it counts as published."""
    size_bytes = options.bytes_in_flight[requests.class_of[key], option]
    if residents.totals[FLYING] + size_bytes > MOST_IN_FLIGHT * capacity:
        return False
    residents.published[key] = True
    return True


@compiled
def finish(
    residents: Any, eviction: Any, options: Any, requests: Any, key: int, option: int
) -> None:
    """Make a published entry a finished one, where it was kept; it may shrink."""
    if residents.resident[key]:
        release(residents, key)
        residents.totals[FLYING] -= residents.size_bytes[key]
        residents.finished[key] = True
        freed = residents.size_bytes[key] - options.size_bytes[requests.class_of[key], option]
        if freed > 0:
            residents.size_bytes[key] -= freed
            residents.first_step[key], residents.last_step[key] = 1, 0
            residents.totals[OCCUPIED] -= freed
            if residents.pins[key] > 0:
                residents.totals[PINNED] -= freed
            trimmed(eviction, residents, key)
        _add_exact(residents, options, requests, key, option)


@compiled
def resumes_at(residents: Any, key: int, step: int) -> bool:
    """Tell whether full reuse of an entry can start at ``step``."""
    if residents.finished[key]:
        return True
    return bool(residents.first_step[key] <= step <= residents.last_step[key])


@compiled
def _add_exact(residents: Any, options: Any, requests: Any, key: int, option: int) -> None:
    class_ = requests.class_of[key]
    identity = requests.identity_of[key]
    if identity >= 0 and options.kind[class_, option] == FRESH:
        residents.exact_of[key] = identity
        last = residents.newest[identity]
        residents.older[key] = last
        residents.newer[key] = -1
        if last >= 0:
            residents.newer[last] = key
        residents.newest[identity] = key


@compiled
def _make_room(residents: Any, eviction: Any, key: int) -> None:
    """Trim the victim, or drop it."""
    totals = residents.totals
    if residents.first_step[key] <= residents.last_step[key] and trims(eviction, residents, key):
        freed = residents.size_bytes[key] - residents.core_bytes[key]
        residents.size_bytes[key] = residents.core_bytes[key]
        residents.first_step[key], residents.last_step[key] = 1, 0
        totals[OCCUPIED] -= freed
        totals[EVICTED] += freed
        trimmed(eviction, residents, key)
        return
    totals[EVICTIONS] += 1
    totals[EVICTED] += residents.size_bytes[key]
    totals[OCCUPIED] -= residents.size_bytes[key]
    residents.resident[key] = False
    removed(eviction, residents, key)
    identity = residents.exact_of[key]
    if identity >= 0:
        residents.exact_of[key] = -1
        older, newer = residents.older[key], residents.newer[key]
        if older >= 0:
            residents.newer[older] = newer
        if newer >= 0:
            residents.older[newer] = older
        else:
            residents.newest[identity] = older
