"""Standing, compiled; the rule is described in ``chorus_policies.eviction.standing``.

Its state lies in that of the eviction: ``newest``, ``asking`` and ``owner_of``.
"""

from typing import Any

from chorus_policies.eviction.standing import ASKED, BEHIND, NEWEST
from chorus_sim.compiled.jit import inlined


@inlined
def asks(eviction: Any, place: int) -> int:
    """Note request ``place``; return the newest resident entry of who asks, or -1."""
    owner = eviction.owner_of[place]
    if owner < 0:
        return -1
    eviction.asking[owner] = max(place, eviction.asking[owner])
    return int(eviction.newest[owner])


@inlined
def comes(eviction: Any, key: int) -> tuple[int, int]:
    """Make ``key`` resident; return its standing, and the entry that it leaves behind or -1."""
    owner = eviction.owner_of[key]
    if owner < 0:
        return NEWEST, -1
    asked, before = eviction.asking[owner], eviction.newest[owner]
    if asked == key:
        eviction.asking[owner] = -1
    if before > key:
        return BEHIND, -1
    eviction.newest[owner] = key
    return (ASKED if asked > key else NEWEST), int(before)


@inlined
def goes(eviction: Any, key: int) -> None:
    """Forget an entry that left."""
    owner = eviction.owner_of[key]
    if owner >= 0 and eviction.newest[owner] == key:
        eviction.newest[owner] = -1
