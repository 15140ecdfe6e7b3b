"""How often an identical request's entry was used before it left: known when it comes back.

Where prompts are popular, an entry may leave between two identical requests each time, and would
begin as unknown each time. So uses are remembered beyond eviction, as S3-FIFO remembers names in
its ghost queue (Yang et al., SOSP'23). Only requests that may be copied are identical to others.

State: a name and two numbers for each of the last entries that left. Cost per call: O(1).
"""

#: Entries that left since are no longer remembered: some 10 MB at most.
MOST_GONE = 1 << 16

#: Namespace and identity of an entry.
Name = tuple[str, str]


class Returning:
    """Remembers the uses of entries that left."""

    def __init__(self) -> None:
        self._gone = 0
        #: Uses, and how many had left then, from the first that left to the last.
        self._known: dict[Name, tuple[int, int]] = {}

    def goes(self, name: Name | None, uses: int) -> None:
        """Remember an entry that leaves; ``None`` is no one's."""
        if name is None:
            return
        known = self._known
        self._gone += 1
        known.pop(name, None)
        known[name] = uses, self._gone
        first = next(iter(known))
        if self._gone - known[first][1] >= MOST_GONE:
            del known[first]

    def comes(self, name: Name | None) -> int:
        """Return how often the entry was used before it left, and forget that; 0 if unknown."""
        if name is None:
            return 0
        return self._known.pop(name, (0, 0))[0]
