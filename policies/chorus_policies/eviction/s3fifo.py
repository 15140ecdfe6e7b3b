"""S3-FIFO: three FIFO queues; new entries must be reused in a small one to enter the main one.

An entry that leaves the small queue without enough reuse is remembered in a ghost queue, and the
identical request goes straight to the main queue when it returns. The main queue gives an entry
another round for each reuse, up to three. Paper: Yang et al., "FIFO queues are all you need for
cache eviction", SOSP'23. State per entry: a place in one queue, its bytes, its identity and a 2-bit
count; a place and bytes per ghost. Cost per call: O(1) amortised (each reuse pays for one step of a
queue), plus the pinned entries passed over.

As in libcachesim, and unlike the paper: until the first eviction, entries that find the small queue
full go to the main queue. Also as there: the ghost queue remembers 90 % of the tier's bytes, and
two reuses lead from the small to the main queue, where the count starts again at zero. Left out:
ghosts of requests without an identity (they cannot return), and of similar but not identical ones.
An entry that an operator removes from the small queue leaves a ghost too.

Ours: step latents that are shared while a run goes on, and leave when it finishes, are in no queue.
They come off the share of the main queue, so that the small queue keeps its own.
"""

from collections import OrderedDict
from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan

_MOST_REUSES = 3


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The queues' shares of the tier's bytes, and the reuses that lead to the main queue.

    A larger ``small`` gives new entries more time to prove themselves and less room to those that
    did. A larger ``ghost`` recognises older requests and costs memory for their names only. A
    larger ``promote_after`` keeps entries of one short burst out of the main queue and loses
    entries that return rarely.
    """

    small: float = 0.1
    ghost: float = 0.9
    promote_after: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.small < 1:
            raise ValueError(f"small is {self.small}; a share in (0, 1) is needed")
        if not 0 <= self.ghost <= 100:
            raise ValueError(f"ghost is {self.ghost}; a share from 0 (off) to 100 is needed")
        if not 1 <= self.promote_after <= _MOST_REUSES:
            raise ValueError(f"promote_after is {self.promote_after}; 1 to 3 is needed")


class _Resident:
    """What is known of one entry; ``passing_bytes`` leave when its run finishes."""

    __slots__ = ("ghost", "passing_bytes", "reuses", "size_bytes")

    def __init__(self, entry: Entry) -> None:
        passing = entry.renoised and not entry.finished
        self.size_bytes = entry.core_bytes if passing else entry.size_bytes
        self.passing_bytes = entry.size_bytes - self.size_bytes
        self.reuses = 0
        identity = entry.identity
        self.ghost = None if identity is None else (entry.namespace, identity)


class S3Fifo:
    """Keeps two queues of entries and one of ghosts, each from old to new."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._promote_after = config.promote_after
        self._small_share = int(setting.capacity_bytes * config.small)
        self._main_share = setting.capacity_bytes - self._small_share
        self._ghost_share = int(setting.capacity_bytes * config.ghost)
        self._small: OrderedDict[int, _Resident] = OrderedDict()
        self._main: OrderedDict[int, _Resident] = OrderedDict()
        self._ghosts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._small_bytes = 0
        self._main_bytes = 0
        self._ghost_bytes = 0
        self._passing_bytes = 0
        self._was_full = False
        self._named: int | None = None

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry last into the small queue, or into the main queue if it has a ghost."""
        resident = _Resident(entry)
        self._passing_bytes += resident.passing_bytes
        filling = not self._was_full and self._small_bytes >= self._small_share
        if self._returns(resident) or filling:
            self._main[entry.key] = resident
            self._main_bytes += resident.size_bytes
        else:
            self._small[entry.key] = resident
            self._small_bytes += resident.size_bytes

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Count the reuse, up to three; the entry does not move."""
        resident = self._small.get(entry.key) or self._main[entry.key]
        resident.reuses = min(resident.reuses + 1, _MOST_REUSES)
        if entry.key == self._named:
            self._named = None

    def trimmed(self, entry: Entry, now: float) -> None:
        """Give the main queue back what the entry's run took from it; the entry does not move."""
        resident = self._small.get(entry.key) or self._main[entry.key]
        self._passing_bytes -= resident.passing_bytes
        resident.passing_bytes = 0

    def removed(self, key: int, now: float) -> None:
        """Forget the entry; one from the small queue leaves a ghost."""
        if key == self._named:
            self._named = None
        small = self._small.pop(key, None)
        resident = small or self._main.pop(key)
        self._passing_bytes -= resident.passing_bytes
        if small is None:
            self._main_bytes -= resident.size_bytes
            return
        self._small_bytes -= resident.size_bytes
        if resident.ghost is not None and resident.ghost not in self._ghosts:
            self._ghosts[resident.ghost] = resident.size_bytes
            self._ghost_bytes += resident.size_bytes

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the head of the small queue, or of the main queue while that is over its share.

        Entries with enough reuses move on first. An entry once named stays the victim until it is
        reused or removed, or is asked about while pinned.
        """
        self._was_full = True
        if self._named is None or self._named in pinned:
            self._named = None
            if self._main_bytes + self._passing_bytes > self._main_share:
                self._named = self._of_main(pinned)
            if self._named is None:
                self._named = self._of_small(pinned)
            if self._named is None:
                self._named = self._of_main(pinned)
            if self._named is None:
                raise LookupError("victim asked while every entry is pinned")
        return self._named

    def _of_small(self, pinned: Container[int]) -> int | None:
        """Move reused entries to the main queue up to the first other; return that one."""
        moved = []
        named = None
        for key, resident in self._small.items():
            if key in pinned:
                continue
            if resident.reuses < self._promote_after:
                named = key
                break
            moved.append(key)
        for key in moved:
            resident = self._main[key] = self._small.pop(key)
            resident.reuses = 0
            self._small_bytes -= resident.size_bytes
            self._main_bytes += resident.size_bytes
        return named

    def _of_main(self, pinned: Container[int]) -> int | None:
        """Give reused entries another round up to the first other; return that one."""
        while True:
            moved = []
            named = None
            for key, resident in self._main.items():
                if key in pinned:
                    continue
                if not resident.reuses:
                    named = key
                    break
                resident.reuses -= 1
                moved.append(key)
            for key in moved:
                self._main.move_to_end(key)
            if named is not None or not moved:
                return named

    def _returns(self, resident: _Resident) -> bool:
        """Tell whether the entry has a ghost, and take it away; then let the oldest ghosts go.

        Ghosts go here, not when an entry is removed: the room for a new entry is made first, and
        must not cost the new entry its own ghost.
        """
        size_bytes = None if resident.ghost is None else self._ghosts.pop(resident.ghost, None)
        self._ghost_bytes -= size_bytes or 0
        while self._ghost_bytes > self._ghost_share:
            self._ghost_bytes -= self._ghosts.popitem(last=False)[1]
        return size_bytes is not None
