# ruff: noqa: ARG001 - a part takes every argument of its contract
"""GDSF, compiled; the algorithm is described in ``chorus_policies.eviction.gdsf``."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_sim.compiled.contract import register
from chorus_sim.compiled.evictions.setting import EvictionSetting
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.options import COPIED

#: Places in ``numbers``.
_LEVEL, _NEXT_LEVEL, _SAVING, _SAVINGS, _HITS = 0, 1, 2, 3, 4

#: Places in ``counts``.
_SIZE, _PUTS, _NAMED = 0, 1, 2


class Gdsf(NamedTuple):
    """A heap of keys by (rank, put), each key with its place in it (-1: not there)."""

    heap: npt.NDArray[np.int32]
    place: npt.NDArray[np.int32]
    rank: npt.NDArray[np.float64]
    put: npt.NDArray[np.int64]
    credit: npt.NDArray[np.float64]
    numbers: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    passed: npt.NDArray[np.int32]
    by_saving: bool


def make(config: dict[str, Any], setting: EvictionSetting) -> Gdsf:
    """Return the eviction without entries."""
    requests = setting.requests
    return Gdsf(
        heap=np.empty(requests, np.int32),
        place=np.full(requests, -1, np.int32),
        rank=np.zeros(requests),
        put=np.zeros(requests, np.int64),
        credit=np.zeros(requests),
        numbers=np.zeros(5),
        counts=np.array([0, 0, -1]),
        passed=np.empty(requests, np.int32),
        by_saving=config["cost"] == "saved",
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
    eviction.numbers[_SAVING] = options.saved_s[class_, option]


def _admitted(eviction: Any, residents: Any, key: Any) -> None:
    numbers = eviction.numbers
    start = residents.cost_s[key]
    if eviction.by_saving and numbers[_HITS] > 0:
        start = numbers[_SAVINGS] / numbers[_HITS]
    _rank(eviction, residents, key, start)
    numbers[_LEVEL] = numbers[_NEXT_LEVEL]


def _hit(eviction: Any, residents: Any, key: Any, kind: Any) -> None:
    numbers = eviction.numbers
    numbers[_LEVEL] = numbers[_NEXT_LEVEL]
    worth = residents.cost_s[key]
    if eviction.by_saving:
        if kind != COPIED:
            worth = numbers[_SAVING]
        numbers[_SAVINGS] += worth
        numbers[_HITS] += 1
    _rank(eviction, residents, key, eviction.credit[key] + worth)


def _trimmed(eviction: Any, residents: Any, key: Any) -> None:
    eviction.numbers[_LEVEL] = eviction.numbers[_NEXT_LEVEL]
    _rank(eviction, residents, key, eviction.credit[key])


def _removed(eviction: Any, residents: Any, key: Any) -> None:
    _take_out(eviction, key)
    if key == eviction.counts[_NAMED]:
        eviction.numbers[_NEXT_LEVEL] = eviction.rank[key]
        eviction.counts[_NAMED] = -1


def _victim(eviction: Any, residents: Any) -> Any:
    passed = 0
    while residents.pins[eviction.heap[0]] > 0:
        eviction.passed[passed] = eviction.heap[0]
        _take_out(eviction, eviction.heap[0])
        passed += 1
    key = eviction.heap[0]
    for number in range(passed):
        _put_in(eviction, eviction.passed[number])
    eviction.counts[_NAMED] = key
    return key


@compiled
def _rank(eviction: Any, residents: Any, key: int, credit: float) -> None:
    eviction.credit[key] = credit
    eviction.counts[_PUTS] += 1
    if eviction.place[key] >= 0:
        _take_out(eviction, key)
    eviction.rank[key] = eviction.numbers[_LEVEL] + credit / residents.size_bytes[key]
    eviction.put[key] = eviction.counts[_PUTS]
    _put_in(eviction, key)


@compiled
def _before(eviction: Any, one: int, other: int) -> bool:
    if eviction.rank[one] != eviction.rank[other]:
        return bool(eviction.rank[one] < eviction.rank[other])
    return bool(eviction.put[one] < eviction.put[other])


@compiled
def _put_in(eviction: Any, key: int) -> None:
    eviction.counts[_SIZE] += 1
    _rise(eviction, key, eviction.counts[_SIZE] - 1)


@compiled
def _rise(eviction: Any, key: int, place: int) -> None:
    heap = eviction.heap
    while place > 0:
        parent = (place - 1) >> 1
        if not _before(eviction, key, heap[parent]):
            break
        heap[place] = heap[parent]
        eviction.place[heap[place]] = place
        place = parent
    heap[place] = key
    eviction.place[key] = place


@compiled
def _take_out(eviction: Any, key: int) -> None:
    heap, place = eviction.heap, eviction.place[key]
    eviction.place[key] = -1
    eviction.counts[_SIZE] -= 1
    size = eviction.counts[_SIZE]
    if place == size:
        return
    last = heap[size]
    if place > 0 and _before(eviction, last, heap[(place - 1) >> 1]):
        _rise(eviction, last, place)
        return
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and _before(eviction, heap[child + 1], heap[child]):
            child += 1
        if not _before(eviction, heap[child], last):
            break
        heap[place] = heap[child]
        eviction.place[heap[place]] = place
        place = child
    heap[place] = last
    eviction.place[last] = place


register(
    Gdsf,
    watched=_watched,
    admitted=_admitted,
    hit=_hit,
    trimmed=_trimmed,
    removed=_removed,
    victim=_victim,
)
