"""Which decisions differ between a live run and its prediction, and why.

Both journals are read to the lookup in question: what was resident then, what had left and what had
not come yet says why a donor could serve in one world and not in the other.
"""

from collections.abc import Iterable, Mapping

import msgspec

from chorus_policies.journal import JournalRow

#: Causes in the order in which they are looked for.
CAUSES = {
    "fallback": "the server could not carry the plan out",
    "same time": "the donor was still being generated in one of the two: instants differ",
    "capacity": "the donor had been evicted in one of the two",
    "removed": "the donor was dropped by order or because it could not be read",
    "not stored": "the donor was never stored in one of the two",
    "choice": "the same donors were there; the policy chose by durations or order",
    "similarity": "the similarity of the same two prompts differs",
}

#: Rows that make an entry findable, and that take it away.
_COMES, _GOES = ("store", "publish", "restore"), ("evict", "remove", "abandon")


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What one of the two decided; ``donor`` is the id of the request that left the entry."""

    kind: str
    donor: str | None
    similarity: float | None
    k1: int
    k2: int


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """One request that was decided otherwise than predicted."""

    id: str
    predicted: Decision
    measured: Decision
    cause: str
    detail: str

    @property
    def in_kind(self) -> bool:
        """Tell whether even the kind of plan differs."""
        return self.predicted.kind != self.measured.kind


class World:
    """One journal, by the ids of requests; ``name_of`` maps its keys to them."""

    def __init__(self, rows: Iterable[JournalRow], name_of: Mapping[int, str]) -> None:
        self.decision: dict[str, Decision] = {}
        self.fallback: dict[str, str] = {}
        #: Place in the journal of the row that decided each request.
        self._place: dict[str, int] = {}
        self._life: dict[str, list[tuple[int, str]]] = {}
        for place, row in enumerate(rows):
            name = name_of.get(row.key, str(row.key))
            if row.call in ("lookup", "find_copy"):
                self._decided(place, name, row, name_of)
            elif row.call == "fallback":
                self.fallback[name] = row.answer
            elif row.call in _COMES and row.size_bytes and " " not in row.answer:
                self._life.setdefault(name, []).append((place, "there"))
            elif row.call in _GOES:
                state = "removed" if row.call == "remove" else "gone"
                self._life.setdefault(name, []).append((place, state))

    def _decided(self, place: int, name: str, row: JournalRow, name_of: Mapping[int, str]) -> None:
        if row.call == "find_copy" and row.answer == "none":
            return
        self._place[name] = place
        self.decision[name] = Decision(
            kind=row.answer,
            donor=None if row.donor < 0 else name_of.get(row.donor, str(row.donor)),
            similarity=None if row.donor < 0 else row.similarity,
            k1=row.k1,
            k2=row.k2,
        )

    def had(self, donor: str, at: str) -> str:
        """Return how ``donor`` stood when ``at`` was decided.

        That is there, later (it came afterwards), gone (evicted), removed, or never.
        """
        place, life = self._place[at], self._life.get(donor, [])
        before = [state for when, state in life if when < place]
        if before:
            return before[-1]
        return "later" if any(state == "there" for _, state in life) else "never"


def differing(predicted: World, measured: World, names: Iterable[str]) -> list[Differing]:
    """Return the requests of ``names`` that the two decided differently, in order."""
    found = []
    for name in names:
        one, other = predicted.decision.get(name), measured.decision.get(name)
        if one is None or other is None or one == other:
            continue
        cause, detail = _cause(name, one, other, predicted, measured)
        found.append(Differing(id=name, predicted=one, measured=other, cause=cause, detail=detail))
    return found


def _cause(
    name: str, one: Decision, other: Decision, predicted: World, measured: World
) -> tuple[str, str]:
    if name in measured.fallback:
        return "fallback", measured.fallback[name]
    if one.donor is not None and one.donor == other.donor:
        if one.similarity != other.similarity:
            return "similarity", f"{one.similarity} predicted, {other.similarity} measured"
        return "choice", f"donor {one.donor} used differently"
    for donor, world, where in (
        (other.donor, predicted, "in the simulation"),
        (one.donor, measured, "in the live run"),
    ):
        if donor is None:
            continue
        state = world.had(donor, name)
        if state == "later":
            return "same time", f"{donor} was not stored yet {where}"
        if state == "removed":
            return "removed", f"an operator, or a broken file, took {donor} away {where}"
        if state == "gone":
            return "capacity", f"{donor} had left {where}"
        if state == "never":
            return "not stored", f"{donor} was never stored {where}"
    return "choice", f"{one.donor} predicted, {other.donor} measured, both there in both"
