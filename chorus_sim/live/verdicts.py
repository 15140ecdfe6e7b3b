"""What people said of a live run's results, said again in its simulation."""

from collections import deque
from collections.abc import Iterable

from chorus_policies.cache import Cache
from chorus_policies.entry import Query
from chorus_policies.live.calls import Call
from chorus_policies.plan import Plan


class LiveVerdicts:
    """Tells a simulated cache what the live one was told, at the same instants.

    ``origin_s`` is the simulation's zero on the live run's clock. A verdict is about what one plan
    made: where the simulation made it by another plan, or has not made it yet when it is looked for
    last, it is not told.
    """

    def __init__(self, calls: Iterable[Call], origin_s: float) -> None:
        told = [call for call in calls if call.name == "judged"]
        self._waiting = deque(sorted(told, key=lambda call: call.now_s))
        self._origin_s = origin_s
        self._late: list[Call] = []
        self._made: dict[int, Plan] = {}

    def asked(self, cache: Cache, now: float) -> None:
        """Tell all that was said until ``now``: the cache is about to decide."""
        while self._waiting and self._waiting[0].now_s - self._origin_s <= now:
            self._late.append(self._waiting.popleft())
        if self._late:
            self._late = [call for call in self._late if not self._told(cache, call, now)]

    def finished(self, cache: Cache, query: Query, plan: Plan, now: float) -> None:
        """Note what a request was made by."""
        del cache, now
        self._made[query.sequence] = plan

    def _told(self, cache: Cache, call: Call, now: float) -> bool:
        """Tell a verdict, or forget it; ``False`` where its result is still being made."""
        query, plan = call.query, call.plan
        if query is None or plan is None:
            return True
        made = self._made.get(query.sequence)
        if made is None:
            return False
        if made == plan:
            cache.judged(query, plan, call.acceptable, now)
        return True
