"""The calls into ``Cache`` with everything they were given, and how to make them again.

A journal row says what was called and answered; a call also holds the query. The same calls on a
new ``Cache`` of the same policy, tiers and seed write the same journal, bit for bit.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from chorus_policies.cache import Cache
from chorus_policies.entry import Query
from chorus_policies.plan import Plan

CallName = Literal["find_copy", "lookup", "release", "store", "remove"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call. ``key`` is that of ``release`` and ``remove``; the others have a ``query``."""

    name: CallName
    now_s: float
    key: int = -1
    query: Query | None = None
    plan: Plan | None = None
    cost_s: float = 0.0


def repeat(calls: Iterable[Call], cache: Cache) -> None:
    """Make the calls on ``cache``, in order and at their instants; its journal tells the answers.

    Raises what the cache raises.
    """
    for call in calls:
        query, plan = call.query, call.plan
        if call.name == "release":
            cache.release(call.key, call.now_s)
        elif call.name == "remove":
            cache.remove(call.key, call.now_s)
        elif query is not None and call.name == "find_copy":
            cache.find_copy(query, call.now_s)
        elif query is not None and call.name == "lookup":
            cache.lookup(query, call.now_s)
        elif query is not None and plan is not None:
            cache.store(query, plan, call.cost_s, call.now_s)
