"""The next event: a binary heap over (instant, order of scheduling), as SimPy breaks ties.

Each actor (a worker, or the source of requests) has at most one event pending, so the heap holds
actors and looks their keys up.
"""

from typing import Any

from chorus_sim.compiled.jit import compiled


@compiled
def push(actors: Any, size: int, instant: Any, order: Any, actor: int) -> int:
    """Add ``actor``, whose ``instant`` and ``order`` are set; return the new size."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        other = actors[parent]
        if instant[other] < instant[actor] or (
            instant[other] == instant[actor] and order[other] < order[actor]
        ):
            break
        actors[place] = other
        place = parent
    actors[place] = actor
    return size + 1


@compiled
def pop(actors: Any, size: int, instant: Any, order: Any) -> int:
    """Return the actor of the first event and take it out; the caller counts one less."""
    first = actors[0]
    size -= 1
    actor = actors[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        one = actors[child]
        if child + 1 < size:
            other = actors[child + 1]
            if instant[other] < instant[one] or (
                instant[other] == instant[one] and order[other] < order[one]
            ):
                child += 1
                one = other
        if instant[actor] < instant[one] or (
            instant[actor] == instant[one] and order[actor] < order[one]
        ):
            break
        actors[place] = one
        place = child
    actors[place] = actor
    return int(first)
