"""One tier of the cache: its bytes, and the eviction, admission and sizing that rule it."""

from collections.abc import Container
from typing import Final

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.part_error import broken_part
from chorus_policies.parts import GhostWatcher, Prices, RoomMaker, Trimmer, TrimWatcher
from chorus_policies.plan import Plan
from chorus_policies.policy import PartsMaker
from chorus_traces.errors import ChorusError, PolicyError

#: Share of the first tier that runs in flight may hold. They are pinned, so more of them leave the
#: eviction part less to choose from: measured in reports/decisions/0005.
MOST_IN_FLIGHT: Final = 0.25


class TierSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tier's name (it selects the bandwidth in the profile) and how many bytes it may use."""

    name: str
    capacity_bytes: int
    prices: Prices = Prices()


class Tier:
    """Keeps the entries and bytes of one tier and checks what its policy answers.

    ``resident`` is for others to read. ``pinned_bytes`` of the ``occupied_bytes`` cannot leave.
    """

    def __init__(self, spec: TierSpec, policy: PartsMaker, seed: int) -> None:
        self.name = spec.name
        self.eviction = policy.eviction(spec.capacity_bytes, seed)
        if policy.form.trim and not isinstance(self.eviction, Trimmer):
            raise PolicyError(
                f"{policy.name}: entry.trim is on, but the eviction part cannot trim; "
                "turn it off or take another eviction"
            )
        self._trimmer = self.eviction if isinstance(self.eviction, Trimmer) else None
        self._trim_watcher = self.eviction if isinstance(self.eviction, TrimWatcher) else None
        self._room_maker = self.eviction if isinstance(self.eviction, RoomMaker) else None
        self.occupied_bytes = 0
        self.pinned_bytes = 0
        self._admission = policy.admission(spec.capacity_bytes, seed)
        self._sizing = policy.sizing(spec.capacity_bytes, seed)
        self.ghost_watcher = self._sizing if isinstance(self._sizing, GhostWatcher) else None
        if self.ghost_watcher is not None:
            self.ghost_watcher.priced(spec.prices)
        self._policy = policy.name
        self.capacity_changes = [(0.0, self.capacity(0.0))]
        self.resident: dict[int, Entry] = {}

    def capacity(self, now: float) -> int:
        """Return the bytes the tier may occupy now."""
        try:
            return self._sizing.capacity(now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self._policy, "capacity", -1, error) from error

    def admits(self, candidate: Entry, victim: int | None, now: float) -> bool:
        """Ask admission; ``victim`` is the entry that would have to go first, if any."""
        shown = None if victim is None else self.resident[victim]
        try:
            return self._admission.admit(candidate, shown, now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self._policy, "admit", candidate.key, error) from error

    def pin(self, entry: Entry) -> None:
        """Count a resident entry as one that cannot leave."""
        self.pinned_bytes += entry.size_bytes

    def unpin(self, entry: Entry) -> None:
        """Count a resident entry as one that can leave again."""
        self.pinned_bytes -= entry.size_bytes

    def add(self, entry: Entry, now: float) -> None:
        """Make ``entry`` resident; the caller has made room."""
        self.resident[entry.key] = entry
        self.occupied_bytes += entry.size_bytes
        try:
            self.eviction.admitted(entry, now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self._policy, "admitted", entry.key, error) from error

    def remove(self, entry: Entry, now: float) -> None:
        """Take ``entry`` out."""
        del self.resident[entry.key]
        self.occupied_bytes -= entry.size_bytes
        try:
            self.eviction.removed(entry.key, now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self._policy, "removed", entry.key, error) from error

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Tell the eviction part that ``plan`` reuses a resident entry."""
        try:
            self.eviction.hit(entry, plan, now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self._policy, "hit", entry.key, error) from error

    def trims(self, entry: Entry, now: float) -> bool:
        """Tell whether only the step latents of the victim ``entry`` leave."""
        if self._trimmer is None or entry.first_step > entry.last_step:
            return False
        try:
            return self._trimmer.trims(entry.key, now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self._policy, "trims", entry.key, error) from error

    def trim(self, whole: Entry, core: Entry, now: float) -> None:
        """Replace a resident entry by its form without step latents."""
        self.resident[core.key] = core
        self.occupied_bytes -= whole.size_bytes - core.size_bytes
        if self._trim_watcher is None:
            return
        try:
            self._trim_watcher.trimmed(core, now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self._policy, "trimmed", core.key, error) from error

    def replace(self, entry: Entry, now: float) -> None:
        """Put ``entry`` in the place of the resident one of its key, which may have been larger."""
        resident = self.resident[entry.key]
        if entry.size_bytes < resident.size_bytes:
            self.trim(resident, entry, now)
        else:
            self.resident[entry.key] = entry

    def in_the_way(
        self, size_bytes: int, capacity: int, pinned: Container[int], now: float
    ) -> int | None:
        """Return the entry to evict before ``size_bytes`` fit, or ``None`` if they do.

        Ask only where they would fit in ``capacity`` bytes if all that is not pinned left. Raises
        ``PolicyError`` when the policy names an absent or a pinned entry.
        """
        short_bytes = self.occupied_bytes + size_bytes - capacity
        if short_bytes <= 0:
            return None
        call = "short_of"
        try:
            if self._room_maker is not None:
                self._room_maker.short_of(short_bytes)
            call = "victim"
            key = self.eviction.victim(pinned, now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self._policy, call, -1, error) from error
        if key not in self.resident:
            raise PolicyError(f"{self._policy}: victim: entry {key} is not resident in {self.name}")
        if key in pinned:
            raise PolicyError(f"{self._policy}: victim: entry {key} is pinned")
        return key
