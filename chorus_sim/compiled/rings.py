"""Ordered sets of keys as rings in two arrays: what an ``OrderedDict`` is to the policies.

``after`` and ``before`` have shape ``(requests + rings,)``; the last places are the rings' ends.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_sim.compiled.jit import compiled


class Rings(NamedTuple):
    """Neighbours in the ring; ring ``r`` begins and ends at place ``requests + r``."""

    before: npt.NDArray[np.int32]
    after: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]


def empty_rings(requests: int, rings: int) -> Rings:
    """Return ``rings`` rings without keys."""
    places = np.arange(requests + rings, dtype=np.int32)
    return Rings(places, places.copy(), places[requests:].copy())


@compiled
def append(rings: Any, ring: int, key: int) -> None:
    """Put ``key``, which is in no ring, at the recent end."""
    end = rings.ends[ring]
    last = rings.before[end]
    rings.after[last] = key
    rings.before[key] = last
    rings.after[key] = end
    rings.before[end] = key


@compiled
def take_out(rings: Any, key: int) -> None:
    """Take ``key`` out of the ring it is in."""
    before, after = rings.before[key], rings.after[key]
    rings.after[before] = after
    rings.before[after] = before


@compiled
def first_free(rings: Any, ring: int, pins: Any) -> int:
    """Return the first key of a ring that is not pinned, or -1."""
    end = rings.ends[ring]
    key = rings.after[end]
    while key != end:
        if pins[key] == 0:
            return int(key)
        key = rings.after[key]
    return -1
