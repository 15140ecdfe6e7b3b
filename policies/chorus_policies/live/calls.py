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
from chorus_policies.reuse.learned import Learned
from chorus_traces.errors import PolicyError

CallName = Literal[
    "abandon",
    "find_copy",
    "judged",
    "lookup",
    "publish",
    "recall",
    "release",
    "remove",
    "restore",
    "store",
]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call. ``key`` is that of ``release`` and ``remove``; the others have a ``query``.

    ``tier`` and ``trimmed`` are those of ``restore``, ``acceptable`` is that of ``judged``, and
    ``learned`` that of ``recall``, which is about no request.
    """

    name: CallName
    now_s: float
    key: int = -1
    query: Query | None = None
    plan: Plan | None = None
    cost_s: float = 0.0
    tier: str = ""
    trimmed: bool = False
    acceptable: bool = True
    learned: tuple[Learned, ...] = ()


def repeat(calls: Iterable[Call], cache: Cache) -> None:
    """Make the calls on ``cache``, in order and at their instants; its journal tells the answers.

    Raises ``PolicyError`` for a call that lacks what it was given, and what the cache raises.
    """
    for call in calls:
        if call.name == "release":
            cache.release(call.key, call.now_s)
        elif call.name == "remove":
            cache.remove(call.key, call.now_s)
        elif call.name == "recall":
            cache.recall(call.learned, call.now_s)
        elif call.query is None:
            raise PolicyError(f"call {call.name} at {call.now_s} has no query; it cannot be made")
        else:
            _ask(call, call.query, cache)


def _ask(call: Call, query: Query, cache: Cache) -> None:
    now, plan = call.now_s, call.plan
    if call.name == "find_copy":
        cache.find_copy(query, now)
    elif call.name == "lookup":
        cache.lookup(query, now)
    elif call.name == "abandon":
        cache.abandon(query, now)
    elif plan is None:
        raise PolicyError(f"call {call.name} at {now} has no plan; it cannot be made again")
    elif call.name == "restore":
        cache.restore(query, plan, call.cost_s, call.tier, now, trimmed=call.trimmed)
    elif call.name == "publish":
        cache.publish(query, plan, call.cost_s, now)
    elif call.name == "judged":
        cache.judged(query, plan, call.acceptable, now)
    else:
        cache.store(query, plan, call.cost_s, now)
