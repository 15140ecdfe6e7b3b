"""The contract of an eviction part."""

from collections.abc import Callable, Collection, Container, Iterator
from itertools import islice

import msgspec

from chorus_policies.entry import Entry, trimmed_entry
from chorus_policies.parts import Eviction, Option, RoomMaker, Setting, TrimWatcher, Watcher
from chorus_policies.plan import Fresh, Plan, Resume
from chorus_policies.testing.clockless import no_clock_or_global_chance
from chorus_policies.testing.exercise import Exercise, ask, need
from chorus_policies.testing.samples import (
    CAPACITY_BYTES,
    KIB,
    make_entry,
    make_query,
    make_setting,
    script_chance,
)

#: Neighbours that a watched lookup offers at most; a part need not read them.
_MOST_OPTIONS = 200


def check_eviction(
    make: Callable[[Setting], Eviction], *, seed: int = 0, rounds: int = 4000, looks: int = 64
) -> Exercise:
    """Check an eviction part over ``rounds`` random calls with 300 or so entries resident.

    A victim is resident, unpinned, the same when asked twice and the same from both instances;
    entries may be hit, pinned and removed in any order, runs in flight finish and become smaller,
    and a part that makes room is told how much is short. Where few entries are pinned, ``victim``
    may look at ``looks`` entries a call on average, and once more at each pinned one, and a watcher
    may read as many neighbours a lookup: a part that goes through all is too slow to simulate.
    """
    with no_clock_or_global_chance():
        script = _EvictionScript(make, seed)
        for _ in range(rounds):
            script.step()
        script.drain()
    exercise = script.exercise
    exercise.require(rounds // 20, "admissions", "hits", "evictions", "removals")
    exercise.require(rounds // 50, "trims")
    asked, looked = script.asked, script.looked
    need(
        looked <= looks * asked,
        f"victim: looked at {looked} entries in {asked} calls; at most {looks} a call are allowed",
    )
    need(
        script.read <= looks * script.watched,
        f"watched: read {script.read} neighbours in {script.watched} lookups; "
        f"at most {looks} a lookup are allowed",
    )
    return exercise


class _EvictionScript:
    """Plays random facts and questions to two instances and keeps the truth beside them."""

    def __init__(self, make: Callable[[Setting], Eviction], seed: int) -> None:
        self.exercise = Exercise()
        self.asked = 0
        self.looked = 0
        self.watched = 0
        self.read = 0
        self._pair = (make(make_setting(seed)), make(make_setting(seed)))
        self._chance = script_chance(seed)
        self._resident: dict[int, Entry] = {}
        self._pinned: set[int] = set()
        #: Entries whose run is in flight; they are pinned.
        self._flying: list[int] = []
        self._occupied_bytes = 0
        self._sequence = 0
        self._now = 0.0

    def step(self) -> None:
        """Do one random thing."""
        self._now += self._chance.choice((0.0, 0.5, 2.0))
        if self._flying and self._chance.random() < 0.2:
            self._finish()
        deed = self._chance.random()
        if deed < 0.45 or len(self._resident) < 2:
            self._admit()
        elif deed < 0.85:
            self._hit()
        elif deed < 0.90:
            self._pinned ^= {self._any()} - set(self._flying)
        elif deed < 0.98:
            self._remove(self._any())
            self.exercise.removals += 1
        else:
            only = self._any()
            self._victim(self._resident.keys() - {only}, 1)

    def drain(self) -> None:
        """Let every entry leave by eviction, then fill up once more and remove them by key."""
        while self._flying:
            self._finish()
        self._pinned.clear()
        while self._resident:
            self._remove(self._victim(self._pinned, self._occupied_bytes))
        for _ in range(50):
            self._admit()
        for key in self._chance.sample(sorted(self._resident), len(self._resident)):
            self._remove(key)

    def _any(self) -> int:
        # Skewed to the young, as requests are.
        place = int(len(self._resident) * self._chance.random() ** 0.5)
        return list(self._resident)[place]

    def _admit(self) -> None:
        entry = make_entry(self._sequence, self._chance)
        if entry.renoised and self._chance.random() < 0.5:
            entry = _in_flight(entry)
        while (short_bytes := self._occupied_bytes + entry.size_bytes - CAPACITY_BYTES) > 0:
            while self._pinned >= self._resident.keys():
                self._pinned.clear()
                if self._flying:
                    self._finish()
                self._pinned.update(self._flying)
            self._remove(self._victim(self._pinned, short_bytes))
            self.exercise.evictions += 1
        for part in self._pair:
            ask(entry.key, part.admitted, entry, self._now)
        self._sequence += 1
        self._resident[entry.key] = entry
        self._occupied_bytes += entry.size_bytes
        if not entry.finished:
            self._flying.append(entry.key)
            self._pinned.add(entry.key)
        self.exercise.admissions += 1

    def _finish(self) -> None:
        """Let the run that is in flight longest finish: its step latents leave."""
        key = self._flying.pop(0)
        self._pinned.discard(key)
        whole = self._resident[key]
        core = msgspec.structs.replace(trimmed_entry(whole), finished=True)
        self._resident[key] = core
        self._occupied_bytes -= whole.size_bytes - core.size_bytes
        for part in self._pair:
            if isinstance(part, TrimWatcher):
                ask(key, part.trimmed, core, self._now)
        self.exercise.trims += 1

    def _hit(self) -> None:
        if self._chance.random() < 0.3:
            self._watch(Fresh(reason="check"), None)
        entry = self._resident[self._any()]
        similarity = self._chance.randint(7000, 10_000) / 10_000
        plan = Resume(donor=entry.key, similarity=similarity, k1=5, reason="check")
        if self._chance.random() < 0.9:
            # A copy that is found on arrival is a hit without a lookup.
            self._watch(plan, Option(entry, similarity, 5.0))
        for part in self._pair:
            ask(entry.key, part.hit, entry, plan, self._now)
        self.exercise.hits += 1

    def _watch(self, plan: Plan, donor: Option | None) -> None:
        """Show a lookup to the parts that want to see them, with many neighbours to read."""
        near = [] if donor is None else [donor]
        similarity = 1.0 if donor is None else donor.similarity
        for key in islice(reversed(self._resident), 0, _MOST_OPTIONS, 2):
            if donor is None or key != donor.entry.key:
                similarity = round(similarity * 0.999, 4)
                near.append(Option(self._resident[key], similarity, 5.0 * (key % 3)))
        query = make_query(self._sequence, 50)
        for part in self._pair:
            if isinstance(part, Watcher):
                self.watched += 1
                ask(self._sequence, part.watched, query, plan, self._shown(near), self._now)

    def _shown(self, near: list[Option]) -> Iterator[Option]:
        for option in near:
            self.read += 1
            yield option

    def _remove(self, key: int) -> None:
        self._occupied_bytes -= self._resident.pop(key).size_bytes
        self._pinned.discard(key)
        if key in self._flying:
            self._flying.remove(key)
        for part in self._pair:
            ask(key, part.removed, key, self._now)

    def _victim(self, pinned: Collection[int], short_bytes: int) -> int:
        looks = _Looks(pinned)
        one, other = self._pair
        for part in self._pair:
            if isinstance(part, RoomMaker):
                ask(-1, part.short_of, short_bytes)
        key = ask(-1, one.victim, looks, self._now)
        if len(pinned) < len(self._resident) // 2:
            self.asked += 1
            self.looked += max(0, looks.count - len(pinned))
        need(key in self._resident, f"victim: entry {key} is not resident")
        need(key not in pinned, f"victim: entry {key} is pinned")
        again = ask(key, one.victim, pinned, self._now)
        need(
            key == again, f"victim: {key}, then {again} when asked again; nothing happened between"
        )
        twin = ask(key, other.victim, pinned, self._now)
        need(key == twin, f"victim: {key}, but {twin} from an instance told and given the same")
        return key


def _in_flight(entry: Entry) -> Entry:
    """Return a renoised entry as it is while its run goes on: with four step latents."""
    return msgspec.structs.replace(
        entry,
        size_bytes=entry.size_bytes + 4 * KIB,
        core_bytes=entry.size_bytes,
        first_step=5,
        last_step=8,
        finished=False,
    )


class _Looks(Container[int]):
    """The pinned entries, counting the questions asked about them."""

    def __init__(self, pinned: Collection[int]) -> None:
        self.count = 0
        self._pinned = pinned

    def __contains__(self, key: object) -> bool:
        self.count += 1
        return key in self._pinned
