# ruff: noqa: ARG001 - a part takes every argument of its contract
"""Worth, compiled; the algorithm is described in ``chorus_policies.eviction.worth``.

A class is a ring: size class, left behind or not, kind (whole entry, window, core) and uses.
Classes are listed in the order of their first use, in which ``victim`` compares them. The file is
long because one algorithm is one file, and its state is spelled out.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_policies.eviction import pieces as algorithm
from chorus_policies.eviction.liveness import EVERY, NEVER, OCTAVES
from chorus_sim.compiled.contract import plan_for_one, register
from chorus_sim.compiled.evictions.liveness import ALIKE_FROM, learn
from chorus_sim.compiled.evictions.setting import EvictionSetting, least_quanta
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.options import COPIED, FRESH, REGIONAL
from chorus_sim.compiled.rings import Rings, append, empty_rings, take_out

_WHOLE, _WINDOW, _CORE = 0, 1, 2

#: Places in ``gain`` and in ``mean``.
_BY_WINDOW, _BEYOND = 0, 1
_SAVED, _AT_RISK = 0, 1

#: Places in ``counts``; two more are those of ``liveness``.
_CLOCK, _CLASSES = 0, 1

_READ = algorithm.READ
_MOST_USES = algorithm.MOST_USES


class Worth(NamedTuple):
    """State of entries ``(requests,)``, of classes ``(classes,)`` and of values ``(values,)``.

    ``size_classes`` numbers the size class of each of ``sizes``, which are sorted. ``latest`` is
    the newest resident entry of each user, -1 for none. ``uses_by_age``, ``parts`` and
    ``whole_from`` ``(2, octaves)`` are those of ``liveness``, of entries left behind last.
    """

    rings: Rings
    sizes: npt.NDArray[np.int64]
    size_classes: npt.NDArray[np.int32]
    ring_of: npt.NDArray[np.int32]
    uses: npt.NDArray[np.int8]
    whole: npt.NDArray[np.bool_]
    there: npt.NDArray[np.bool_]
    redundant: npt.NDArray[np.bool_]
    unused_since: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    saved_s: npt.NDArray[np.float64]
    at_risk: npt.NDArray[np.float64]
    listed: npt.NDArray[np.int32]
    is_listed: npt.NDArray[np.bool_]
    mean: npt.NDArray[np.float64]
    gain: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    owner_of: npt.NDArray[np.int32]
    latest: npt.NDArray[np.int32]
    uses_by_age: npt.NDArray[np.float64]
    parts: npt.NDArray[np.float64]
    whole_from: npt.NDArray[np.float64]
    fade: float
    least: int
    keep: float
    trims: bool


def make(config: dict[str, Any], setting: EvictionSetting) -> Worth:
    """Return the eviction without entries."""
    requests = setting.requests
    numbers: dict[int, int] = {}
    size_classes = np.array(
        [
            numbers.setdefault(algorithm.size_class(size), len(numbers))
            for size in setting.sizes.tolist()
        ],
        np.int32,
    )
    values = 6 * len(numbers)
    classes = values * _MOST_USES
    return Worth(
        rings=empty_rings(requests, classes),
        sizes=setting.sizes,
        size_classes=size_classes,
        ring_of=np.zeros(requests, np.int32),
        uses=np.zeros(requests, np.int8),
        whole=np.zeros(requests, np.bool_),
        there=np.zeros(requests, np.bool_),
        redundant=np.zeros(requests, np.bool_),
        unused_since=np.zeros(requests, np.int64),
        seen=np.zeros(requests, np.int64),
        saved_s=np.zeros(values),
        at_risk=np.zeros(values),
        listed=np.zeros(classes, np.int32),
        is_listed=np.zeros(classes, np.bool_),
        mean=np.zeros(2),
        gain=np.zeros(2),
        counts=np.array([0, 0, 0, NEVER], np.int64),
        owner_of=setting.owner_of,
        latest=np.full(int(setting.owner_of.max(initial=-1)) + 1, -1, np.int32),
        uses_by_age=np.zeros((2, OCTAVES)),
        parts=np.zeros((2, OCTAVES)),
        whole_from=np.zeros((2, OCTAVES)),
        fade=(1 - 1 / config["memory"]) ** EVERY,
        least=least_quanta(config["similarity"]),
        keep=1 - 1 / config["memory"],
        trims=setting.trims,
    )


@compiled
def rate_of(eviction: Any, key: int) -> float:
    """Return what the value of an entry's class has saved per use and log-age, times its uses."""
    ring = eviction.ring_of[key]
    value, uses = ring // _MOST_USES, ring % _MOST_USES + 1
    age = eviction.counts[_CLOCK] + 1 - eviction.unused_since[key]
    if _is_behind(value) and age > eviction.counts[ALIKE_FROM]:
        value -= 3
    prior = (eviction.mean[_SAVED] + 1.0) / (eviction.mean[_AT_RISK] + 1.0)
    rate = (eviction.saved_s[value] + prior) / (eviction.at_risk[value] + 1.0)
    return float(rate * uses)


def _watched(
    eviction: Any,
    rule: Any,
    graph: Any,
    residents: Any,
    options: Any,
    place: Any,
    class_: Any,
    option: Any,
    donor: Any,
) -> None:
    gain = eviction.gain
    gain[_BY_WINDOW] = gain[_BEYOND] = 0.0
    kind = options.kind[class_, option]
    if kind in (FRESH, COPIED):
        return
    saving, others, read = 0.0, 0.0, 0
    for edge in range(graph.row_start[place], graph.row_start[place + 1]):
        if graph.quanta[edge] < rule.floor or read == _READ:
            break
        key = graph.neighbour[edge]
        if not residents.resident[key]:
            continue
        read += 1
        if key == donor:
            saving = options.saved_s[class_, option]
        else:
            other = plan_for_one(rule, residents, options, edge, graph, class_)
            others = max(others, options.saved_s[class_, other])
    beyond = max(0.0, saving - others)
    by_window = 0.0
    if kind == REGIONAL:
        by_k1 = options.k1_saved_s[class_, option]
        by_window = max(0.0, saving - max(by_k1, others))
    gain[_BY_WINDOW] = min(by_window, beyond)
    gain[_BEYOND] = beyond


def _admitted(eviction: Any, residents: Any, key: Any) -> None:
    eviction.counts[_CLOCK] += 1
    donor = residents.donor[key]
    if eviction.trims and donor >= 0 and residents.donor_quanta[key] >= eviction.least:
        _leave_behind(eviction, residents, donor)
    eviction.there[key] = True
    eviction.redundant[key] = False
    eviction.uses[key] = 1
    eviction.whole[key] = residents.first_step[key] <= residents.last_step[key]
    eviction.unused_since[key] = eviction.seen[key] = eviction.counts[_CLOCK]
    _join(eviction, residents, key)
    owner = eviction.owner_of[key]
    if owner >= 0:
        before = eviction.latest[owner]
        eviction.latest[owner] = key
        if before >= 0:
            _leave_behind(eviction, residents, before)


def _hit(eviction: Any, residents: Any, key: Any, kind: Any) -> None:
    _leave(eviction, residents, key, eviction.gain[_BY_WINDOW], eviction.gain[_BEYOND], True)
    eviction.unused_since[key] = eviction.seen[key] = eviction.counts[_CLOCK]
    if eviction.uses[key] < _MOST_USES:
        eviction.uses[key] += 1
    _join(eviction, residents, key)


def _removed(eviction: Any, residents: Any, key: Any) -> None:
    _leave(eviction, residents, key, 0.0, 0.0, False)
    eviction.there[key] = False
    owner = eviction.owner_of[key]
    if owner >= 0 and eviction.latest[owner] == key:
        eviction.latest[owner] = -1


def _trims(eviction: Any, residents: Any, key: Any) -> Any:
    return eviction.trims and eviction.whole[key]


def _trimmed(eviction: Any, residents: Any, key: Any) -> None:
    _leave(eviction, residents, key, 0.0, 0.0, False)
    eviction.whole[key] = False
    _join(eviction, residents, key)


def _victim(eviction: Any, residents: Any) -> Any:
    chosen, least = -1, math.inf
    for number in range(eviction.counts[_CLASSES]):
        ring = eviction.listed[number]
        end = eviction.rings.ends[ring]
        key = eviction.rings.after[end]
        while key != end and residents.pins[key] > 0:
            key = eviction.rings.after[key]
        if key == end:
            continue
        age = eviction.counts[_CLOCK] - eviction.unused_since[key] + 1
        freed = residents.size_bytes[key]
        if eviction.trims and eviction.whole[key]:
            freed -= residents.core_bytes[key]
        worth = rate_of(eviction, key) / age / freed
        if worth < least:
            chosen, least = key, worth
    return chosen


@compiled
def _value_of(eviction: Any, kind: int, redundant: bool, size_bytes: int) -> int:
    """Return the place of the value that pieces of a kind and size share."""
    low, high = 0, len(eviction.sizes) - 1
    while low < high:
        middle = (low + high) >> 1
        if eviction.sizes[middle] < size_bytes:
            low = middle + 1
        else:
            high = middle
    return int((eviction.size_classes[low] * 2 + int(redundant)) * 3 + kind)


@compiled
def _class_of(eviction: Any, kind: int, redundant: bool, uses: int, size_bytes: int) -> int:
    """Return the ring of a class, listing it if it is new."""
    ring = _value_of(eviction, kind, redundant, size_bytes) * _MOST_USES + uses - 1
    if not eviction.is_listed[ring]:
        eviction.is_listed[ring] = True
        eviction.listed[eviction.counts[_CLASSES]] = ring
        eviction.counts[_CLASSES] += 1
    return int(ring)


@compiled
def _join(eviction: Any, residents: Any, key: int) -> None:
    """Put the entry at the recent end of the ring its piece and size call for."""
    kind, size_bytes = _WHOLE, residents.size_bytes[key]
    if eviction.trims:
        kind = _WINDOW if eviction.whole[key] else _CORE
        if kind == _CORE:
            size_bytes = residents.core_bytes[key]
    ring = _class_of(eviction, kind, eviction.redundant[key], eviction.uses[key], size_bytes)
    eviction.ring_of[key] = ring
    append(eviction.rings, ring, key)


@compiled
def _is_behind(value: int) -> bool:
    """Tell whether a value is that of entries left behind; without 3 it is that of the others."""
    return bool(value // 3 % 2 == 1)


@compiled
def _leave_behind(eviction: Any, residents: Any, key: int) -> None:
    """Move an entry to the ring of those left behind."""
    if eviction.there[key] and not eviction.redundant[key]:
        _leave(eviction, residents, key, 0.0, 0.0, False)
        eviction.redundant[key] = True
        _join(eviction, residents, key)


@compiled
def _leave(
    eviction: Any, residents: Any, key: int, by_window: float, beyond: float, used: bool
) -> None:
    """Take the entry out of its ring and learn from the time it was at risk."""
    ring = eviction.ring_of[key]
    take_out(eviction.rings, key)
    clock = eviction.counts[_CLOCK]
    age = clock - eviction.unused_since[key] + 1
    began = eviction.seen[key] - eviction.unused_since[key] + 1
    value, uses = ring // _MOST_USES, ring % _MOST_USES + 1
    eviction.seen[key] = clock
    if eviction.owner_of[key] >= 0:
        learn(eviction, int(_is_behind(value)), began, age, used)
    alike_from = eviction.counts[ALIKE_FROM]
    if _is_behind(value) and age > alike_from:
        if began < alike_from:
            at_risk = math.log(alike_from / began) * uses
            _credit(eviction, residents, key, value, 0.0, 0.0, at_risk)
            began = alike_from
        value -= 3
    _credit(eviction, residents, key, value, by_window, beyond, math.log(age / began) * uses)


@compiled
def _credit(
    eviction: Any,
    residents: Any,
    key: int,
    value: int,
    by_window: float,
    beyond: float,
    at_risk: float,
) -> None:
    """Count savings and time at risk for a value, and for that of the core under a window."""
    if value % 3 == _WINDOW:
        _learn(eviction, value, by_window, at_risk)
        core = _value_of(eviction, _CORE, _is_behind(value), residents.core_bytes[key])
        _learn_alone(eviction, core, beyond - by_window, at_risk)
    else:
        _learn(eviction, value, beyond, at_risk)


@compiled
def _learn(eviction: Any, value: int, saved_s: float, at_risk: float) -> None:
    _learn_alone(eviction, value, saved_s, at_risk)
    eviction.mean[_SAVED] = eviction.mean[_SAVED] * eviction.keep + saved_s
    eviction.mean[_AT_RISK] = eviction.mean[_AT_RISK] * eviction.keep + at_risk


@compiled
def _learn_alone(eviction: Any, value: int, saved_s: float, at_risk: float) -> None:
    eviction.saved_s[value] = eviction.saved_s[value] * eviction.keep + saved_s
    eviction.at_risk[value] = eviction.at_risk[value] * eviction.keep + at_risk


register(
    Worth,
    watched=_watched,
    admitted=_admitted,
    hit=_hit,
    removed=_removed,
    victim=_victim,
    trims=_trims,
    trimmed=_trimmed,
)
