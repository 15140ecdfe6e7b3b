# ruff: noqa: SLF001 - a part takes every argument of its contract; it builds on worth
"""Bundle, compiled; the algorithm is described in ``chorus_policies.eviction.bundle``.

Its state begins with that of ``worth``, whose functions answer all but ``admitted`` and ``victim``.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_sim.compiled.contract import register
from chorus_sim.compiled.evictions import worth
from chorus_sim.compiled.evictions.setting import EvictionSetting
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.rings import Rings

#: Place of the bytes occupied in the totals of ``residents``.
_OCCUPIED = 0

_admitted_by_worth = compiled(worth._admitted)


class Bundle(NamedTuple):
    """The fields of ``Worth``, sizes of newcomers, and room to work in.

    ``came`` is the place in ``sizes`` of each newcomer ``(requests,)``, ``frequency`` counts the
    last ``memory`` of them. ``head`` and ``following`` ``(classes,)`` are the first piece of a
    class and the next to take, ``taken`` ``(requests,)`` the bundle.
    """

    rings: Rings
    sizes: npt.NDArray[np.int64]
    size_classes: npt.NDArray[np.int32]
    ring_of: npt.NDArray[np.int32]
    redundant: npt.NDArray[np.bool_]
    whole: npt.NDArray[np.bool_]
    there: npt.NDArray[np.bool_]
    unused_since: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    saved_s: npt.NDArray[np.float64]
    at_risk: npt.NDArray[np.float64]
    listed: npt.NDArray[np.int32]
    is_listed: npt.NDArray[np.bool_]
    mean: npt.NDArray[np.float64]
    gain: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    least: int
    keep: float
    trims: bool
    came: npt.NDArray[np.int32]
    frequency: npt.NDArray[np.int64]
    head: npt.NDArray[np.int32]
    following: npt.NDArray[np.int32]
    taken: npt.NDArray[np.int32]
    memory: int
    capacity: int


def make(config: dict[str, Any], setting: EvictionSetting) -> Bundle:
    """Return the eviction without entries."""
    base = worth.make(config, setting)
    classes = len(base.listed)
    return Bundle(
        *base,
        came=np.zeros(setting.requests, np.int32),
        frequency=np.zeros(len(setting.sizes), np.int64),
        head=np.zeros(classes, np.int32),
        following=np.zeros(classes, np.int32),
        taken=np.zeros(setting.requests, np.int32),
        memory=int(config["memory"]),
        capacity=setting.capacity_bytes,
    )


def _admitted(eviction: Any, residents: Any, key: Any) -> None:
    _admitted_by_worth(eviction, residents, key)
    newcomer = eviction.counts[worth._CLOCK] - 1
    place = 0
    while eviction.sizes[place] < residents.size_bytes[key]:
        place += 1
    eviction.came[newcomer] = place
    eviction.frequency[place] += 1
    if newcomer >= eviction.memory:
        eviction.frequency[eviction.came[newcomer - eviction.memory]] -= 1


def _victim(eviction: Any, residents: Any) -> Any:
    needed = _foreseen_bytes(eviction, residents)
    classes = eviction.counts[worth._CLASSES]
    cheapest = math.inf
    for number in range(classes):
        end = eviction.rings.ends[eviction.listed[number]]
        key = _next_free(eviction, residents, number, end)
        eviction.head[number] = eviction.following[number] = key
        if key >= 0:
            price = _value(eviction, key) / _freed(eviction, residents, key)
            cheapest = min(cheapest, price)
    freed, value = _one_after_another(eviction, residents, classes, needed)
    chosen, least = eviction.taken[0], value - cheapest * (freed - needed)
    for number in range(classes):
        key = eviction.head[number]
        if key >= 0 and _freed(eviction, residents, key) >= needed:
            left_over = _freed(eviction, residents, key) - needed
            loss = _value(eviction, key) - cheapest * left_over
            if loss < least:
                chosen, least = key, loss
    return chosen


@compiled
def _foreseen_bytes(eviction: Any, residents: Any) -> int:
    """Return the bytes that must leave for a newcomer of the likeliest size that does not fit."""
    free = eviction.capacity - residents.totals[_OCCUPIED]
    needed, most = 1, 0
    for place in range(len(eviction.sizes)):
        if eviction.sizes[place] > free and eviction.frequency[place] >= max(most, 1):
            needed, most = max(1, eviction.sizes[place] - free), eviction.frequency[place]
    return int(needed)


@compiled
def _next_free(eviction: Any, residents: Any, number: int, key: int) -> int:
    """Return the next piece after ``key`` in the ring of class ``number`` that can leave, or -1."""
    end = eviction.rings.ends[eviction.listed[number]]
    key = eviction.rings.after[key]
    while key != end and residents.pins[key] > 0:
        key = eviction.rings.after[key]
    return -1 if key == end else int(key)


@compiled
def _value(eviction: Any, key: int) -> float:
    """Return the seconds that would be lost if the first piece of ``key`` left."""
    ring = eviction.ring_of[key]
    prior = (eviction.mean[worth._SAVED] + 1.0) / (eviction.mean[worth._AT_RISK] + 1.0)
    rate = (eviction.saved_s[ring] + prior) / (eviction.at_risk[ring] + 1.0)
    return float(rate / (eviction.counts[worth._CLOCK] - eviction.unused_since[key] + 1))


@compiled
def _freed(eviction: Any, residents: Any, key: int) -> int:
    if eviction.trims and eviction.whole[key]:
        return int(residents.size_bytes[key] - residents.core_bytes[key])
    return int(residents.size_bytes[key])


@compiled
def _one_after_another(
    eviction: Any, residents: Any, classes: int, needed: int
) -> tuple[int, float]:
    """Put the bundle into ``taken``; return the bytes it frees and its value."""
    taken, following = eviction.taken, eviction.following
    pieces, freed = 0, 0
    while freed < needed:
        least, chosen = math.inf, -1
        for number in range(classes):
            key = following[number]
            if key >= 0:
                price = _value(eviction, key) / _freed(eviction, residents, key)
                if price < least:
                    least, chosen = price, number
        if chosen < 0:
            break
        taken[pieces] = following[chosen]
        freed += _freed(eviction, residents, taken[pieces])
        pieces += 1
        following[chosen] = _next_free(eviction, residents, chosen, following[chosen])
    for number in range(pieces - 1, -1, -1):
        spared = _freed(eviction, residents, taken[number])
        if freed - spared >= needed:
            freed -= spared
            taken[number] = -1
    kept, value = 0, 0.0
    for number in range(pieces):
        if taken[number] >= 0:
            value += _value(eviction, taken[number])
            taken[kept] = taken[number]
            kept += 1
    return freed, value


register(
    Bundle,
    watched=worth._watched,
    admitted=_admitted,
    hit=worth._hit,
    removed=worth._removed,
    victim=_victim,
    trims=worth._trims,
    trimmed=worth._trimmed,
)
