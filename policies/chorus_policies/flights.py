"""Single flight: identical requests wait for the one that is being computed, then copy it.

Only a run computed in full can be copied, so a run leads as soon as its plan is known to be fresh.
State: one list per run in flight. Cost per call: O(1).
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from chorus_policies.entry import Query
from chorus_policies.plan import Fresh, Plan

_Follower = TypeVar("_Follower")


class Flights(Generic[_Follower]):
    """Runs in flight by namespace and identity, and who waits for each."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], list[_Follower]] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[_Follower]:
        """Yield all who wait."""
        for followers in self._waiting.values():
            yield from followers

    def begin(self, query: Query, plan: Plan) -> bool:
        """Let identical requests wait for this run from now on; tell whether they will."""
        key = _key(query)
        if key is None or not isinstance(plan, Fresh) or key in self._waiting:
            return False
        self._waiting[key] = []
        return True

    def join(self, query: Query, follower: _Follower) -> bool:
        """Let ``follower`` wait for the run of an identical request, if there is one."""
        key = _key(query)
        if key is None or key not in self._waiting:
            return False
        self._waiting[key].append(follower)
        return True

    def leave(self, query: Query, follower: _Follower) -> bool:
        """Let ``follower`` wait no more; tell whether it did."""
        key = _key(query)
        followers = [] if key is None else self._waiting.get(key, [])
        if follower not in followers:
            return False
        followers.remove(follower)
        return True

    def end(self, query: Query) -> list[_Follower]:
        """Return who waited for this run, first come first, now that it is over.

        They ask for their copy; whoever gets none is served like any other.
        """
        key = _key(query)
        return [] if key is None else self._waiting.pop(key, [])


def _key(query: Query) -> tuple[str, str] | None:
    if query.namespace is None or query.identity is None:
        return None
    return query.namespace, query.identity
