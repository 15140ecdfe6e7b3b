# ruff: noqa: ARG001 - a part takes every argument of its contract
"""Worth, compiled; the algorithm is described in ``chorus_policies.eviction.worth``.

A class is a ring: size class, standing, kind (whole entry, window, core) and uses; its value counts
all uses. Classes are listed in the order of their first use, in which ``victim`` compares them. The
file is long because one algorithm is one file, and its state is spelled out.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_policies.eviction import pieces as algorithm
from chorus_policies.eviction.liveness import EVERY, NEVER, OCTAVES
from chorus_policies.eviction.standing import ASKED, BEHIND, NEWEST, STANDINGS
from chorus_sim.compiled.contract import plan_for_one, register
from chorus_sim.compiled.evictions.liveness import ALIKE_FROM, learn
from chorus_sim.compiled.evictions.returning import comes_back, goes_away
from chorus_sim.compiled.evictions.setting import EvictionSetting, least_quanta
from chorus_sim.compiled.evictions.standing import asks, comes, goes
from chorus_sim.compiled.jit import compiled, inlined
from chorus_sim.compiled.options import COPIED, FRESH, REGIONAL
from chorus_sim.compiled.rings import Rings, append, empty_rings, take_out

_WHOLE, _WINDOW, _CORE = 0, 1, 2
_KINDS = 3

#: Places in ``gain`` and in ``mean``.
_BY_WINDOW, _BEYOND = 0, 1
_SAVED, _AT_RISK = 0, 1

#: Places in ``counts``; the others are those of ``liveness`` and ``returning``.
_CLOCK, _CLASSES, _ASKED_BEYOND = 0, 1, 5

_READ = algorithm.READ
_MOST_USES = algorithm.MOST_USES
_TO_CLASS, _TO_STANDING = algorithm.LENT_TO_CLASS, algorithm.LENT_TO_STANDING


class Worth(NamedTuple):
    """State of entries ``(requests,)``, of users, and of what was learned.

    ``size_classes`` numbers the size class of each of ``sizes``, which are sorted. ``newest`` is
    the newest resident entry of each user, -1 for none, and ``asking`` the last request of each
    that left no entry so far. ``gone_uses`` ``(identities,)`` are those of entries that left, 0 if
    none did, and ``gone_at`` how many had left then. Seconds saved and log-age are the columns of
    ``of_class`` ``(classes, 2)``, ``any_uses`` ``(values, 2)`` and ``any_standing`` ``(sizes and
    kinds, 2)``.
    ``uses_by_age``, ``parts`` and ``whole_from`` ``(2, octaves)`` are those of ``liveness``, of
    entries that are not the newest last.
    """

    rings: Rings
    sizes: npt.NDArray[np.int64]
    size_classes: npt.NDArray[np.int32]
    ring_of: npt.NDArray[np.int32]
    uses: npt.NDArray[np.int8]
    whole: npt.NDArray[np.bool_]
    there: npt.NDArray[np.bool_]
    standing: npt.NDArray[np.int8]
    unused_since: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    of_class: npt.NDArray[np.float64]
    any_uses: npt.NDArray[np.float64]
    any_standing: npt.NDArray[np.float64]
    listed: npt.NDArray[np.int32]
    is_listed: npt.NDArray[np.bool_]
    mean: npt.NDArray[np.float64]
    gain: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    owner_of: npt.NDArray[np.int32]
    newest: npt.NDArray[np.int32]
    asking: npt.NDArray[np.int32]
    identity_of: npt.NDArray[np.int32]
    gone_uses: npt.NDArray[np.int8]
    gone_at: npt.NDArray[np.int64]
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
    values = STANDINGS * _KINDS * len(numbers)
    classes = values * _MOST_USES
    identities = int(setting.identity_of.max(initial=-1)) + 1
    owners = int(setting.owner_of.max(initial=-1)) + 1
    return Worth(
        rings=empty_rings(requests, classes),
        sizes=setting.sizes,
        size_classes=size_classes,
        ring_of=np.zeros(requests, np.int32),
        uses=np.zeros(requests, np.int8),
        whole=np.zeros(requests, np.bool_),
        there=np.zeros(requests, np.bool_),
        standing=np.zeros(requests, np.int8),
        unused_since=np.zeros(requests, np.int64),
        seen=np.zeros(requests, np.int64),
        of_class=np.zeros((classes, 2)),
        any_uses=np.zeros((values, 2)),
        any_standing=np.zeros((_KINDS * len(numbers), 2)),
        listed=np.zeros(classes, np.int32),
        is_listed=np.zeros(classes, np.bool_),
        mean=np.zeros(2),
        gain=np.zeros(2),
        counts=np.array([0, 0, 0, NEVER, 0, -1], np.int64),
        owner_of=setting.owner_of,
        newest=np.full(owners, -1, np.int32),
        asking=np.full(owners, -1, np.int32),
        identity_of=setting.identity_of,
        gone_uses=np.zeros(identities, np.int8),
        gone_at=np.zeros(identities, np.int64),
        uses_by_age=np.zeros((2, OCTAVES)),
        parts=np.zeros((2, OCTAVES)),
        whole_from=np.zeros((2, OCTAVES)),
        fade=(1 - 1 / config["memory"]) ** EVERY,
        least=least_quanta(config["similarity"]),
        keep=1 - 1 / config["memory"],
        trims=setting.trims,
    )


@inlined
def rate_of(eviction: Any, key: int) -> float:
    """Return what an entry's class has saved per use and log-age, times its uses."""
    ring = eviction.ring_of[key]
    value, uses = ring // _MOST_USES, ring % _MOST_USES + 1
    same_size = value // (STANDINGS * _KINDS) * _KINDS + value % _KINDS
    age = eviction.counts[_CLOCK] + 1 - eviction.unused_since[key]
    if _standing_of(value) != NEWEST and age > eviction.counts[ALIKE_FROM]:
        value = _newest_of(value)
    rate = (eviction.mean[_SAVED] + 1.0) / (eviction.mean[_AT_RISK] + 1.0)
    rate = _borrowing(eviction.any_standing, same_size, 1.0, rate)
    rate = _borrowing(eviction.any_uses, value, _TO_STANDING, rate)
    return float(_borrowing(eviction.of_class, ring, _TO_CLASS, rate) * uses)


@inlined
def _borrowing(learned: Any, place: int, lent: float, rate: float) -> float:
    """Return the rate learned at a place together with what is lent, at ``rate``."""
    return float((learned[place, _SAVED] + lent * rate) / (learned[place, _AT_RISK] + lent))


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
    if kind == COPIED:
        return
    newest = asks(eviction, place)
    eviction.counts[_ASKED_BEYOND] = -1
    if newest >= 0 and newest == donor:
        eviction.counts[_ASKED_BEYOND] = newest
    elif newest >= 0:
        _stand(eviction, residents, newest, ASKED)
    if kind == FRESH:
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
        _stand(eviction, residents, donor, BEHIND)
    eviction.there[key] = True
    eviction.uses[key] = min(1 + comes_back(eviction, residents, key), _MOST_USES)
    eviction.whole[key] = residents.first_step[key] <= residents.last_step[key]
    eviction.unused_since[key] = eviction.seen[key] = eviction.counts[_CLOCK]
    eviction.standing[key], before = comes(eviction, key)
    _join(eviction, residents, key)
    if before >= 0:
        _stand(eviction, residents, before, BEHIND)


def _hit(eviction: Any, residents: Any, key: Any, kind: Any) -> None:
    by_window, beyond = eviction.gain[_BY_WINDOW], eviction.gain[_BEYOND]
    if kind == COPIED:
        by_window, beyond = 0.0, residents.cost_s[key]
    _leave(eviction, residents, key, by_window, beyond, True)
    eviction.unused_since[key] = eviction.seen[key] = eviction.counts[_CLOCK]
    if eviction.counts[_ASKED_BEYOND] == key:
        eviction.counts[_ASKED_BEYOND] = -1
        eviction.standing[key] = max(eviction.standing[key], ASKED)
    if eviction.uses[key] < _MOST_USES:
        eviction.uses[key] += 1
    _join(eviction, residents, key)


def _removed(eviction: Any, residents: Any, key: Any) -> None:
    _leave(eviction, residents, key, 0.0, 0.0, False)
    eviction.there[key] = False
    goes(eviction, key)
    goes_away(eviction, residents, key)


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


@inlined
def _value_of(eviction: Any, kind: int, standing: int, size_bytes: int) -> int:
    """Return the place of the value that pieces of a kind, standing and size share."""
    low, high = 0, len(eviction.sizes) - 1
    while low < high:
        middle = (low + high) >> 1
        if eviction.sizes[middle] < size_bytes:
            low = middle + 1
        else:
            high = middle
    return int((eviction.size_classes[low] * STANDINGS + standing) * _KINDS + kind)


@inlined
def _class_of(eviction: Any, kind: int, standing: int, uses: int, size_bytes: int) -> int:
    """Return the ring of a class, listing it if it is new."""
    ring = _value_of(eviction, kind, standing, size_bytes) * _MOST_USES + uses - 1
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
    ring = _class_of(eviction, kind, eviction.standing[key], eviction.uses[key], size_bytes)
    eviction.ring_of[key] = ring
    append(eviction.rings, ring, key)


@inlined
def _standing_of(value: int) -> int:
    return int(value // _KINDS % STANDINGS)


@inlined
def _newest_of(value: int) -> int:
    """Return the value of the same kind and size of the newest of their users."""
    return int(value - (value // _KINDS % STANDINGS - NEWEST) * _KINDS)


@inlined
def _stand(eviction: Any, residents: Any, key: int, standing: int) -> None:
    """Move an entry that is there to the ring of a worse standing."""
    if eviction.there[key] and eviction.standing[key] < standing:
        _leave(eviction, residents, key, 0.0, 0.0, False)
        eviction.standing[key] = standing
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
        learn(eviction, int(_standing_of(value) != NEWEST), began, age, used)
    alike_from = eviction.counts[ALIKE_FROM]
    if _standing_of(value) != NEWEST and age > alike_from:
        if began < alike_from:
            at_risk = math.log(alike_from / began) * uses
            _credit(eviction, residents, key, ring, value, 0.0, 0.0, at_risk)
            began = alike_from
        value = _newest_of(value)
    at_risk = math.log(age / began) * uses
    _credit(eviction, residents, key, ring, value, by_window, beyond, at_risk)


@inlined
def _credit(
    eviction: Any,
    residents: Any,
    key: int,
    ring: int,
    value: int,
    by_window: float,
    beyond: float,
    at_risk: float,
) -> None:
    """Count savings and time at risk for a class, and for that of the core under a window."""
    saved_s = beyond
    if value % _KINDS == _WINDOW:
        saved_s = by_window
        standing, uses = _standing_of(ring // _MOST_USES), ring % _MOST_USES + 1
        core = _class_of(eviction, _CORE, standing, uses, residents.core_bytes[key])
        core_value = core // _MOST_USES
        if _standing_of(value) != standing:
            core_value = _newest_of(core_value)
        _count(eviction, core, core_value, beyond - by_window, at_risk)
    _count(eviction, ring, value, saved_s, at_risk)
    eviction.mean[_SAVED] = eviction.mean[_SAVED] * eviction.keep + saved_s
    eviction.mean[_AT_RISK] = eviction.mean[_AT_RISK] * eviction.keep + at_risk


@inlined
def _count(eviction: Any, ring: int, value: int, saved_s: float, at_risk: float) -> None:
    """Count for a class, and for the wider ones it is part of."""
    same_size = value // (STANDINGS * _KINDS) * _KINDS + value % _KINDS
    _add(eviction.of_class, ring, eviction.keep, saved_s, at_risk)
    _add(eviction.any_uses, value, eviction.keep, saved_s, at_risk)
    _add(eviction.any_standing, same_size, eviction.keep, saved_s, at_risk)


@inlined
def _add(learned: Any, place: int, keep: float, saved_s: float, at_risk: float) -> None:
    learned[place, _SAVED] = learned[place, _SAVED] * keep + saved_s
    learned[place, _AT_RISK] = learned[place, _AT_RISK] * keep + at_risk


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
