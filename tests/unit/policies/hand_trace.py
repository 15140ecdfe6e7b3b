"""What hand-worked traces are written with: admit, look up, hit, evict; a key is a number."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Fresh, Plan, Resume

#: Every query of a trace has ten steps of one second.
STEPS = 10


class Scripted(random.Random):
    """Chance that comes out as written, and fails the test when the script is over."""

    def __init__(self, *throws: float) -> None:
        super().__init__(0)
        self._throws = list(throws)

    def random(self) -> float:
        return self._throws.pop(0)

    def randrange(self, *bounds: Any) -> int:  # type: ignore[override]
        return int(self._throws.pop(0) * bounds[0])


class Trace:
    """Writes a short trace down for one eviction part."""

    def __init__(self, make: Callable[[Setting], Any], *throws: float) -> None:
        self.part = make(Setting(capacity_bytes=10, chance=Scripted(*throws)))

    def admit(self, *keys: int, size_bytes: int = 1, cost_s: float = 1.0) -> "Trace":
        for key in keys:
            self.part.admitted(entry(key, size_bytes, cost_s), 0.0)
        return self

    def hit(self, *keys: int, k1: int = 5, size_bytes: int = 1) -> "Trace":
        for key in keys:
            self.part.hit(entry(key, size_bytes), resume(key, k1), 0.0)
        return self

    def look(self, sequence: int, plan: Plan, *near: tuple[int, float, float]) -> "Trace":
        """Watch a lookup whose options are (key, similarity, seconds saved), nearest first."""
        self.part.watched(query(sequence), plan, options(near), 0.0)
        return self

    def evict(self, count: int = 1, pinned: tuple[int, ...] = ()) -> list[int]:
        gone = []
        for _ in range(count):
            gone.append(self.part.victim(pinned, 0.0))
            assert self.part.victim(pinned, 0.0) == gone[-1]
            self.part.removed(gone[-1], 0.0)
        return gone


def options(near: Sequence[tuple[int, float, float]]) -> Iterator[Option]:
    for key, similarity, saving_s in near:
        yield Option(entry(key), similarity, saving_s)


def resume(donor: int, k1: int = 5) -> Resume:
    return Resume(donor=donor, similarity=0.9, k1=k1, reason="trace")


FRESH = Fresh(reason="trace")


def query(sequence: int, **changes: Any) -> Query:
    values: dict[str, Any] = {"namespace": "one", "identity": None, "steps": STEPS}
    values |= {"latent_bytes": 1, "result_bytes": 1} | changes
    return Query(sequence=sequence, **values)


def entry(key: int, size_bytes: int = 1, cost_s: float = 1.0, **changes: Any) -> Entry:
    values: dict[str, Any] = {"namespace": "one", "identity": None, "steps": STEPS}
    values |= {"first_step": 1, "last_step": 0, "exact": True, "donor": None}
    values |= {"donor_similarity": 0.0} | changes
    return Entry(key=key, size_bytes=size_bytes, cost_s=cost_s, **values)
