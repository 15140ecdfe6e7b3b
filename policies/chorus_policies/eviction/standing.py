"""How an entry stands with its user: the newest, asked beyond, or left behind.

Users go on from the newest result they have. Once a user asks for another one, the request after
that will most likely start from it, so the newest entry loses worth before its successor is there;
and a result that comes when its user has asked again already begins that way. Once the successor is
there the entry is left behind. A request that an identical result answers leaves no successor.

Own formulation. State: a key for each user with an entry, and a number for each user whose last
request has not left an entry. Cost per call: O(1).
"""

from chorus_policies.entry import Entry, Query

#: The newest resident entry of its user, or one of nobody that is known.
NEWEST = 0
#: Its user has asked again; the answer is not resident yet.
ASKED = 1
#: A newer one of its user is resident.
BEHIND = 2
STANDINGS = 3

#: Users whose last request left no entry are remembered up to this many: results may be refused.
MOST_ASKING = 1 << 17

#: The namespace and the user of an entry.
Owner = tuple[str, str]


def owner_of(about: Entry | Query) -> Owner | None:
    """Return whose it is; ``None`` where the user or the namespace is unknown."""
    if about.user is None or about.namespace is None:
        return None
    return about.namespace, about.user


class Users:
    """Follows each user's newest resident entry and last request."""

    def __init__(self) -> None:
        self.newest: dict[Owner, int] = {}
        self._asking: dict[Owner, int] = {}

    def asks(self, query: Query) -> int | None:
        """Note a request; return the newest resident entry of the user who asks, if any."""
        owner = owner_of(query)
        if owner is None:
            return None
        asking = self._asking
        asking[owner] = max(query.sequence, asking.get(owner, -1))
        if len(asking) > MOST_ASKING:
            del asking[next(iter(asking))]
        return self.newest.get(owner)

    def comes(self, owner: Owner | None, key: int) -> tuple[int, int | None]:
        """Make ``key`` resident; return its standing, and the entry that it leaves behind."""
        if owner is None:
            return NEWEST, None
        asked = self._asking.get(owner, key)
        if asked == key:
            self._asking.pop(owner, None)
        before = self.newest.get(owner)
        if before is not None and before > key:
            return BEHIND, None
        self.newest[owner] = key
        return (ASKED if asked > key else NEWEST), before

    def goes(self, owner: Owner | None, key: int) -> None:
        """Forget an entry that left."""
        if owner is not None and self.newest.get(owner) == key:
            del self.newest[owner]
