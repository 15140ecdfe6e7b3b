"""Pieces of resident entries, and what each class of them is worth: for ``worth`` and ``bundle``.

An entry is worth what it saves beyond what the second-best resident would have saved. Reuse of an
entry falls off with its age as a power law (edit chains: the next edit comes soon or never), so the
value of a class of pieces is one number: seconds saved per unit of log-age at risk, the maximum
likelihood estimate for a hazard of a / age. What was used more is used again sooner, as in GDSF: a
counts once for each use, the making included. Classes are size (which tells how early a step the
entry can serve) and uses; those of one size share what they learn. Entries whose user has made
another one since, in the same namespace, are classes apart as long as that matters (``liveness``).

Where the form allows trimming, an entry has two pieces with values of their own: the step latents,
which SRD needs and which leave first, and the rest, which full reuse needs. Such pieces are small
enough for near-identical ones to lie side by side, so those that a newer one superseded count as
left behind too; among whole entries, which are few, that was found to do harm.

State per entry: one object, linked to its neighbours in its class; per class: four numbers. Cost
per call: O(1), ``heads`` O(classes + pinned), ``watched`` reads at most three neighbours.
"""

import math
from collections.abc import Container, Iterable
from functools import lru_cache
from itertools import islice

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.eviction.liveness import Liveness
from chorus_policies.eviction.piece import Piece, PieceClass, PieceValue
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Copy, Fresh, Plan, Regional

#: Neighbours read per lookup: the donor and the two nearest others.
READ = 3

#: More uses count as this many. With fewer, popular entries are told apart less; with more there
#: are more classes to look through for a victim.
MOST_USES = 8


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alike "superseded" is, and how long a class remembers.

    ``similarity`` from 0.8 to 0.95 makes no difference beyond noise. ``memory`` counts events of a
    class: a shorter one follows changing traffic sooner and estimates less surely.
    """

    similarity: float = 0.9
    memory: float = 1000.0

    def __post_init__(self) -> None:
        if not 0 < self.similarity <= 1:
            raise ValueError(f"similarity is {self.similarity}; a number in (0, 1] is needed")
        if not 1 <= self.memory <= 1e9:
            raise ValueError(f"memory is {self.memory}; 1 to 1e9 events are needed")


@lru_cache
def size_class(size_bytes: int) -> int:
    """Return quarter octaves: sizes within 19 % of each other are alike."""
    return round(4 * math.log2(size_bytes + 1))


@lru_cache
def _shape(size_bytes: int, core_bytes: int) -> tuple[int, int, int]:
    """Return the size classes of a whole entry and its core, and the bytes between them."""
    return size_class(size_bytes), size_class(core_bytes), size_bytes - core_bytes


#: The longest unused piece of a class: the seconds lost per byte if it leaves, the place of its
#: class (it breaks ties), the rate of its class, and the piece. A plain tuple, for many are made.
Head = tuple[float, int, float, Piece]


class Pieces:
    """Keeps the pieces of resident entries by class, and learns what a class is worth.

    The loss of a piece, in seconds, is the rate of its class over the requests it was not used for:
    ``rate / (clock + 1 - piece.unused_since)``.
    """

    def __init__(self, config: Config, setting: Setting) -> None:
        #: Admissions so far.
        self.clock = 0
        self._trims = setting.trims
        self._similarity = config.similarity
        self._keep = 1 - 1 / config.memory
        self._pieces: dict[int, Piece] = {}
        #: Pieces of entries that left, for entries to come: a garbage collector that sees none made
        #: has no cause to go through all of them.
        self._spare: list[Piece] = []
        self._classes: dict[tuple[str, bool, int, int], PieceClass] = {}
        self._values: dict[tuple[str, bool, int], PieceValue] = {}
        self._saved_s = 0.0
        self._at_risk = 0.0
        self._gain = (0.0, 0.0)
        #: The newest resident entry of each user.
        self._latest: dict[tuple[str, str], int] = {}
        self._liveness = Liveness(self._keep)

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Work out what the donor saves that no other resident would."""
        self._gain = (0.0, 0.0)
        if type(plan) is Fresh or type(plan) is Copy:
            return
        saving, others = 0.0, 0.0
        for entry, _, saving_s in islice(options, READ):
            if entry.key == plan.donor:
                saving = saving_s
            elif saving_s > others:
                others = saving_s
        beyond = max(0.0, saving - others)
        by_window = 0.0
        if type(plan) is Regional:
            by_window = max(0.0, saving - max(plan.k1 * query.step_s, others))
        self._gain = (min(by_window, beyond), beyond)

    def admitted(self, entry: Entry, now: float) -> None:
        """Let the entry in; to be made is its first use. Mark what is left behind."""
        clock = self.clock = self.clock + 1
        donor = entry.donor
        if self._trims and donor is not None and entry.donor_similarity >= self._similarity:
            self._leave_behind(donor)
        key, size_bytes = entry.key, entry.size_bytes
        size, core_class, window_bytes = _shape(size_bytes, entry.core_bytes)
        name = "whole"
        if self._trims:
            if entry.first_step <= entry.last_step:
                name, size_bytes = "window", window_bytes
            else:
                name, size = "core", core_class
        piece = self._pieces[key] = self._spare.pop() if self._spare else Piece()
        piece.key, piece.freed_bytes, piece.core_class = key, size_bytes, core_class
        piece.unused_since = piece.seen = clock
        self._class(name, False, size, 1).append(piece)
        piece.owner = None if entry.user is None else (entry.namespace, entry.user)
        if piece.owner is not None:
            before = self._latest.get(piece.owner)
            self._latest[piece.owner] = key
            if before is not None:
                self._leave_behind(before)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Credit the entry's pieces and make it the most recent of those used as often."""
        piece = self._pieces[entry.key]
        self._learn(piece, *self._gain, used=True)
        piece.unused_since = self.clock
        kind = piece.kind
        if kind.uses < MOST_USES:
            kind.take_out(piece)
            self._class(kind.name, kind.redundant, kind.size, kind.uses + 1).append(piece)
        elif piece.after is not None:
            kind.take_out(piece)
            kind.append(piece)

    def removed(self, key: int, now: float) -> None:
        """Count the entry's last time at risk and forget it."""
        piece = self._pieces.pop(key)
        piece.kind.take_out(piece)
        self._learn(piece, 0.0, 0.0)
        if piece.owner is not None and self._latest.get(piece.owner) == key:
            del self._latest[piece.owner]
        self._spare.append(piece)

    def trimmed(self, entry: Entry, now: float) -> None:
        """Go on without the step latents."""
        piece = self._pieces[entry.key]
        kind = piece.kind
        kind.take_out(piece)
        self._learn(piece, 0.0, 0.0)
        piece.freed_bytes = entry.size_bytes
        self._class("core", kind.redundant, piece.core_class, kind.uses).append(piece)

    def trims(self, key: int, now: float) -> bool:
        """Tell whether only the step latents of the victim ``key`` leave."""
        return self._pieces[key].kind.is_window

    def heads(self, pinned: Container[int]) -> list[Head]:
        """Return the longest unused piece of each class that can leave, in the order of classes."""
        prior, next_tick = (self._saved_s + 1.0) / (self._at_risk + 1.0), self.clock + 1
        heads: list[Head] = []
        for place, kind in enumerate(self._classes.values()):
            piece = kind.first
            if piece is None:
                continue
            if piece.key in pinned:
                piece = piece.next_free(pinned)
                if piece is None:
                    continue
            age = next_tick - piece.unused_since
            value = self._value_at(kind, age)
            rate = (value.saved_s + prior) / (value.at_risk + 1.0) * kind.uses
            price = rate / age / piece.freed_bytes
            heads.append((price, place, rate, piece))
        return heads

    def rate_of(self, piece: Piece) -> float:
        """Return the rate of a piece's class, at the age of the piece."""
        kind = piece.kind
        value = self._value_at(kind, self.clock + 1 - piece.unused_since)
        prior = (self._saved_s + 1.0) / (self._at_risk + 1.0)
        return (value.saved_s + prior) / (value.at_risk + 1.0) * kind.uses

    def _value_at(self, kind: PieceClass, age: int) -> PieceValue:
        """Return the value of a class; old pieces left behind have that of the others."""
        if kind.redundant and age > self._liveness.alike_from:
            return self._value(kind.name, False, kind.size)
        return kind.value

    def _leave_behind(self, key: int) -> None:
        """Move an entry to the class of those left behind."""
        piece = self._pieces.get(key)
        if piece is None or piece.kind.redundant:
            return
        kind = piece.kind
        kind.take_out(piece)
        self._learn(piece, 0.0, 0.0)
        self._class(kind.name, True, kind.size, kind.uses).append(piece)

    def _learn(self, piece: Piece, by_window: float, beyond: float, *, used: bool = False) -> None:
        """Learn what the entry's pieces saved since they were last seen, and the time at risk."""
        kind, clock = piece.kind, self.clock
        unused_since = piece.unused_since
        age, began = clock - unused_since + 1, piece.seen - unused_since + 1
        piece.seen = clock
        redundant = kind.redundant
        if piece.owner is not None:
            self._liveness.learn(redundant, began, age, used)
        alike_from = self._liveness.alike_from
        if redundant and age > alike_from:
            redundant = False
            if began < alike_from:
                self._credit(piece, True, 0.0, 0.0, math.log(alike_from / began) * kind.uses)
                began = alike_from
        self._credit(piece, redundant, by_window, beyond, math.log(age / began) * kind.uses)

    def _credit(
        self, piece: Piece, redundant: bool, by_window: float, beyond: float, at_risk: float
    ) -> None:
        """Count savings and time at risk for the value of the piece's kind and size."""
        kind, keep = piece.kind, self._keep
        saved_s = beyond
        if kind.is_window:
            saved_s = by_window
            core = self._value("core", redundant, piece.core_class)
            core.saved_s = core.saved_s * keep + (beyond - by_window)
            core.at_risk = core.at_risk * keep + at_risk
        value = kind.value
        if redundant != kind.redundant:
            value = self._value(kind.name, redundant, kind.size)
        value.saved_s = value.saved_s * keep + saved_s
        value.at_risk = value.at_risk * keep + at_risk
        self._saved_s = self._saved_s * keep + saved_s
        self._at_risk = self._at_risk * keep + at_risk

    def _class(self, name: str, redundant: bool, size: int, uses: int) -> PieceClass:
        kind = self._classes.get((name, redundant, size, uses))
        if kind is None:
            kind = PieceClass(name, redundant, size, uses, self._value(name, redundant, size))
            self._classes[name, redundant, size, uses] = kind
        return kind

    def _value(self, name: str, redundant: bool, size: int) -> PieceValue:
        value = self._values.get((name, redundant, size))
        if value is None:
            value = self._values[name, redundant, size] = PieceValue()
        return value
