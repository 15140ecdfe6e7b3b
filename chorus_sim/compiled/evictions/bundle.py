# ruff: noqa: SLF001 - a part takes every argument of its contract; it builds on worth
"""Bundle, compiled; the algorithm is described in ``chorus_policies.eviction.bundle``.

It keeps a whole ``Worth``, and asks its functions to keep that.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_sim.compiled.contract import register
from chorus_sim.compiled.evictions import worth
from chorus_sim.compiled.evictions.setting import EvictionSetting
from chorus_sim.compiled.evictions.worth import Worth
from chorus_sim.compiled.jit import compiled

#: Places in ``room``: bytes short, bytes the bundle is to free, its next piece and its end.
_SHORT, _TO_FREE, _NEXT, _END = 0, 1, 2, 3

_admitted_by_worth = compiled(worth._admitted)
_hit_by_worth = compiled(worth._hit)
_removed_by_worth = compiled(worth._removed)
_trimmed_by_worth = compiled(worth._trimmed)
_trims_by_worth = compiled(worth._trims)
_watched_by_worth = compiled(worth._watched)


class Bundle(NamedTuple):
    """The state of ``worth``, and the bundle being carried out.

    ``head`` and ``following`` ``(classes,)`` are the first piece of a class and the next to take,
    ``head_s`` the seconds lost with the first and ``price`` those per byte of the next (infinite
    where there is none);
    ``taken`` and ``freed`` ``(requests,)`` the keys of the bundle and the bytes each frees.
    """

    worth: Worth
    head: npt.NDArray[np.int32]
    following: npt.NDArray[np.int32]
    head_s: npt.NDArray[np.float64]
    price: npt.NDArray[np.float64]
    taken: npt.NDArray[np.int32]
    freed: npt.NDArray[np.int64]
    room: npt.NDArray[np.int64]


def make(config: dict[str, Any], setting: EvictionSetting) -> Bundle:
    """Return the eviction without entries."""
    base = worth.make(config, setting)
    classes = len(base.listed)
    return Bundle(
        worth=base,
        head=np.zeros(classes, np.int32),
        following=np.zeros(classes, np.int32),
        head_s=np.zeros(classes),
        price=np.zeros(classes),
        taken=np.zeros(setting.requests, np.int32),
        freed=np.zeros(setting.requests, np.int64),
        room=np.array([1, 0, 0, 0], np.int64),
    )


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
    _watched_by_worth(eviction.worth, rule, graph, residents, options, place, class_, option, donor)


def _admitted(eviction: Any, residents: Any, key: Any) -> None:
    eviction.room[_NEXT] = eviction.room[_END]
    _admitted_by_worth(eviction.worth, residents, key)


def _hit(eviction: Any, residents: Any, key: Any, kind: Any) -> None:
    eviction.room[_NEXT] = eviction.room[_END]
    _hit_by_worth(eviction.worth, residents, key, kind)


def _removed(eviction: Any, residents: Any, key: Any) -> None:
    _carried_out(eviction, key)
    _removed_by_worth(eviction.worth, residents, key)


def _trimmed(eviction: Any, residents: Any, key: Any) -> None:
    _carried_out(eviction, key)
    _trimmed_by_worth(eviction.worth, residents, key)


def _trims(eviction: Any, residents: Any, key: Any) -> Any:
    return _trims_by_worth(eviction.worth, residents, key)


def _short_of(eviction: Any, short_bytes: Any) -> None:
    eviction.room[_SHORT] = short_bytes


def _victim(eviction: Any, residents: Any) -> Any:
    room, taken = eviction.room, eviction.taken
    short, at = room[_SHORT], room[_NEXT]
    if at < room[_END] and room[_TO_FREE] == short and residents.pins[taken[at]] == 0:
        return taken[at]
    room[_TO_FREE], room[_NEXT] = short, 0
    base = eviction.worth
    classes = base.counts[worth._CLASSES]
    cheapest, first = math.inf, -1
    for number in range(classes):
        end = base.rings.ends[base.listed[number]]
        key = _next_free(eviction, residents, number, end)
        eviction.head[number] = eviction.following[number] = key
        eviction.price[number] = math.inf
        if key >= 0:
            eviction.head_s[number] = _value(eviction, key)
            price = eviction.head_s[number] / _freed(eviction, residents, key)
            eviction.price[number] = price
            if price < cheapest:
                cheapest, first = price, key
    if _freed(eviction, residents, first) >= short:
        _take_alone(eviction, residents, first)
        return taken[0]
    alone, least = -1, math.inf
    for number in range(classes):
        key = eviction.head[number]
        if key >= 0 and _freed(eviction, residents, key) >= short:
            left_over = _freed(eviction, residents, key) - short
            loss = eviction.head_s[number] - cheapest * left_over
            if loss < least:
                alone, least = key, loss
    total, value = _take_one_after_another(eviction, residents, classes, short)
    if least < value - cheapest * (total - short):
        _take_alone(eviction, residents, alone)
    return taken[0]


@compiled
def _carried_out(eviction: Any, key: int) -> None:
    """Go on with the bundle if the piece that left is its next one; give it up if not."""
    room = eviction.room
    at = room[_NEXT]
    if at < room[_END]:
        if eviction.taken[at] == key:
            room[_TO_FREE] -= eviction.freed[at]
            room[_NEXT] = at + 1
        else:
            room[_NEXT] = room[_END]


@compiled
def _next_free(eviction: Any, residents: Any, number: int, key: int) -> int:
    """Return the next piece after ``key`` in the ring of class ``number`` that can leave, or -1."""
    base = eviction.worth
    end, after = base.rings.ends[base.listed[number]], base.rings.after
    key = after[key]
    while key != end and residents.pins[key] > 0:
        key = after[key]
    return -1 if key == end else int(key)


@compiled
def _value(eviction: Any, key: int) -> float:
    """Return the seconds that would be lost if the first piece of ``key`` left."""
    base = eviction.worth
    rate = worth.rate_of(base, key)
    return float(rate / (base.counts[worth._CLOCK] - base.unused_since[key] + 1))


@compiled
def _freed(eviction: Any, residents: Any, key: int) -> int:
    if eviction.worth.trims and eviction.worth.whole[key]:
        return int(residents.size_bytes[key] - residents.core_bytes[key])
    return int(residents.size_bytes[key])


@compiled
def _take_alone(eviction: Any, residents: Any, key: int) -> None:
    """Make ``key`` the bundle."""
    eviction.taken[0] = key
    eviction.freed[0] = _freed(eviction, residents, key)
    eviction.room[_END] = 1


@compiled
def _take_one_after_another(
    eviction: Any, residents: Any, classes: int, short: int
) -> tuple[int, float]:
    """Make the cheapest pieces per byte the bundle, without those in excess.

    Return the bytes it frees and its value.
    """
    taken, freed, following = eviction.taken, eviction.freed, eviction.following
    prices = eviction.price
    pieces, total = 0, 0
    while total < short:
        least, chosen = math.inf, -1
        for number in range(classes):
            if prices[number] < least:
                least, chosen = prices[number], number
        if chosen < 0:
            break
        taken[pieces] = following[chosen]
        freed[pieces] = _freed(eviction, residents, taken[pieces])
        total += freed[pieces]
        pieces += 1
        key = _next_free(eviction, residents, chosen, following[chosen])
        following[chosen] = key
        prices[chosen] = math.inf
        if key >= 0:
            prices[chosen] = _value(eviction, key) / _freed(eviction, residents, key)
    value = 0.0
    for number in range(pieces - 1, -1, -1):
        if total - freed[number] >= short:
            total -= freed[number]
            taken[number] = -1
        else:
            value += _value(eviction, taken[number])
    kept = 0
    for number in range(pieces):
        if taken[number] >= 0:
            taken[kept], freed[kept] = taken[number], freed[number]
            kept += 1
    eviction.room[_END] = kept
    return total, value


register(
    Bundle,
    watched=_watched,
    admitted=_admitted,
    hit=_hit,
    removed=_removed,
    short_of=_short_of,
    victim=_victim,
    trims=_trims,
    trimmed=_trimmed,
)
