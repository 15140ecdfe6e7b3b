"""Pieces of resident entries, and what each class of them is worth: for ``worth`` and ``bundle``.

An entry is worth what it saves beyond what the second-best resident would have saved. Reuse of an
entry falls off with its age as a power law (edit chains: the next edit comes soon or never), so the
value of a class of pieces is one number: seconds saved per unit of log-age at risk, the maximum
likelihood estimate for a hazard of a / age. What was used more is used again sooner, as in GDSF: a
counts once for each use, the making included, and those that an identical request's entry had when
it left (``returning``). Classes are size (which tells how early a step the entry can serve), uses
and standing: whether the entry's user has asked again, or has a newer one (``standing``), as long
as that matters (``liveness``). A class of which little is known counts as all of its size and
standing do, and those as all of the size. A copy saves what made the entry.

Where the form allows trimming, an entry has two pieces with values of their own: the step latents,
which SRD needs and which leave first, and the rest, which full reuse needs. Such pieces are small
enough for near-identical ones to lie side by side, so those that a newer one superseded count as
left behind too; among whole entries, which are few, that was found to do harm.

State per entry: one object, linked to its neighbours in its class; per class: its ends and two
numbers, two more for each of its kind, size and standing; a number for each user with an entry, and
three for each of the last entries that left and were computed in full.
Cost per call: O(1), ``heads`` O(classes + pinned), ``watched`` reads at most three neighbours.
"""

import math
from collections.abc import Container, Iterable
from functools import lru_cache
from itertools import islice

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.eviction.liveness import Liveness
from chorus_policies.eviction.piece import Piece, PieceClass, PieceValue
from chorus_policies.eviction.returning import Returning
from chorus_policies.eviction.standing import ASKED, BEHIND, NEWEST, Users, owner_of
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Copy, Fresh, Plan, Regional

#: Neighbours read per lookup: the donor and the two nearest others.
READ = 3

#: More uses count as this many. With fewer, popular entries are told apart less; with more there
#: are more classes to look through for a victim.
MOST_USES = 8

#: Log-age at risk, times uses, that a class is lent by all of its size and standing, and these by
#: all of the size. 200 to 500, and 10 to 40, make no difference beyond noise.
LENT_TO_CLASS = 200.0
LENT_TO_STANDING = 20.0


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


#: In place of a standing or a number of uses: all of them.
_ALL = -1

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
        self._classes: dict[tuple[str, int, int, int], PieceClass] = {}
        self._values: dict[tuple[str, int, int, int], PieceValue] = {}
        self._saved_s = 0.0
        self._at_risk = 0.0
        self._gain = (0.0, 0.0)
        self._users = Users()
        #: The donor of the present lookup if it is the newest entry of who asks.
        self._asked_beyond = -1
        self._liveness = Liveness(self._keep)
        self._returning = Returning()

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Work out what the donor saves that no other resident would; note who asks again."""
        self._gain = (0.0, 0.0)
        if type(plan) is Copy:
            return
        newest = self._users.asks(query)
        self._asked_beyond = -1
        if newest is not None:
            if type(plan) is not Fresh and plan.donor == newest:
                # Its use counts first, in ``hit``.
                self._asked_beyond = newest
            else:
                self._stand(newest, ASKED)
        if type(plan) is Fresh:
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
        """Let the entry in; to be made is a use. Mark what is left behind."""
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
        piece.owner = owner_of(entry)
        standing, before = self._users.comes(piece.owner, key)
        piece.named = None if entry.identity is None else (entry.namespace, entry.identity)
        uses = min(1 + self._returning.comes(piece.named), MOST_USES)
        self._class(name, standing, size, uses).append(piece)
        if before is not None:
            self._leave_behind(before)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Credit the entry's pieces and make it the most recent of those used as often."""
        piece = self._pieces[entry.key]
        # A copy found on arrival is not watched; it saves what made the entry.
        by_window, beyond = (0.0, entry.cost_s) if type(plan) is Copy else self._gain
        self._learn(piece, by_window, beyond, used=True)
        piece.unused_since = self.clock
        kind = piece.kind
        standing = kind.standing
        if self._asked_beyond == entry.key:
            self._asked_beyond = -1
            standing = max(standing, ASKED)
        if kind.uses < MOST_USES or standing != kind.standing:
            kind.take_out(piece)
            uses = min(kind.uses + 1, MOST_USES)
            self._class(kind.name, standing, kind.size, uses).append(piece)
        elif piece.after is not None:
            kind.take_out(piece)
            kind.append(piece)

    def removed(self, key: int, now: float) -> None:
        """Count the entry's last time at risk and forget it."""
        piece = self._pieces.pop(key)
        piece.kind.take_out(piece)
        self._learn(piece, 0.0, 0.0)
        self._users.goes(piece.owner, key)
        self._returning.goes(piece.named, piece.kind.uses)
        self._spare.append(piece)

    def trimmed(self, entry: Entry, now: float) -> None:
        """Go on without the step latents."""
        piece = self._pieces[entry.key]
        kind = piece.kind
        kind.take_out(piece)
        self._learn(piece, 0.0, 0.0)
        piece.freed_bytes = entry.size_bytes
        self._class("core", kind.standing, piece.core_class, kind.uses).append(piece)

    def trims(self, key: int, now: float) -> bool:
        """Tell whether only the step latents of the victim ``key`` leave."""
        return self._pieces[key].kind.is_window

    def heads(self, pinned: Container[int]) -> list[Head]:
        """Return the longest unused piece of each class that can leave, in the order of classes."""
        mean, next_tick = (self._saved_s + 1.0) / (self._at_risk + 1.0), self.clock + 1
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
            rate = self._rate(kind, age, mean)
            price = rate / age / piece.freed_bytes
            heads.append((price, place, rate, piece))
        return heads

    def rate_of(self, piece: Piece) -> float:
        """Return the rate of a piece's class, at the age of the piece."""
        mean = (self._saved_s + 1.0) / (self._at_risk + 1.0)
        return self._rate(piece.kind, self.clock + 1 - piece.unused_since, mean)

    def _rate(self, kind: PieceClass, age: int, mean: float) -> float:
        """Return the rate of a class at an age; ``mean`` is that of all pieces, per use.

        Old pieces beyond which their users have gone are worth what the newest of users are.
        """
        any_uses, any_standing = kind.any_uses, kind.any_standing
        if kind.standing and age > self._liveness.alike_from:
            any_uses = kind.newest
        rate = (any_standing.saved_s + mean) / (any_standing.at_risk + 1.0)
        rate = (any_uses.saved_s + LENT_TO_STANDING * rate) / (any_uses.at_risk + LENT_TO_STANDING)
        value = kind.value
        rate = (value.saved_s + LENT_TO_CLASS * rate) / (value.at_risk + LENT_TO_CLASS)
        return rate * kind.uses

    def _leave_behind(self, key: int) -> None:
        """Move an entry to the class of those left behind."""
        if key in self._pieces:
            self._stand(key, BEHIND)

    def _stand(self, key: int, standing: int) -> None:
        """Move an entry to the class of a worse standing."""
        piece = self._pieces[key]
        kind = piece.kind
        if kind.standing < standing:
            kind.take_out(piece)
            self._learn(piece, 0.0, 0.0)
            self._class(kind.name, standing, kind.size, kind.uses).append(piece)

    def _learn(self, piece: Piece, by_window: float, beyond: float, *, used: bool = False) -> None:
        """Learn what the entry's pieces saved since they were last seen, and the time at risk."""
        kind, clock = piece.kind, self.clock
        unused_since = piece.unused_since
        age, began = clock - unused_since + 1, piece.seen - unused_since + 1
        piece.seen = clock
        standing = kind.standing
        if piece.owner is not None:
            self._liveness.learn(standing != NEWEST, began, age, used)
        alike_from = self._liveness.alike_from
        if standing and age > alike_from:
            if began < alike_from:
                self._credit(piece, standing, 0.0, 0.0, math.log(alike_from / began) * kind.uses)
                began = alike_from
            standing = NEWEST
        self._credit(piece, standing, by_window, beyond, math.log(age / began) * kind.uses)

    def _credit(
        self, piece: Piece, standing: int, by_window: float, beyond: float, at_risk: float
    ) -> None:
        """Count savings and time at risk for the value of the piece's kind, standing and size."""
        kind = piece.kind
        saved_s = beyond
        if kind.is_window:
            saved_s = by_window
            core = self._class("core", kind.standing, piece.core_class, kind.uses)
            self._count(core, standing, beyond - by_window, at_risk)
        self._count(kind, standing, saved_s, at_risk)
        self._saved_s = self._saved_s * self._keep + saved_s
        self._at_risk = self._at_risk * self._keep + at_risk

    def _count(self, kind: PieceClass, standing: int, saved_s: float, at_risk: float) -> None:
        """Count savings and time at risk for a class, and for the wider ones it is part of."""
        # Written out: this is done four times a request.
        keep = self._keep
        value = kind.value
        value.saved_s = value.saved_s * keep + saved_s
        value.at_risk = value.at_risk * keep + at_risk
        value = kind.any_uses if standing == kind.standing else kind.newest
        value.saved_s = value.saved_s * keep + saved_s
        value.at_risk = value.at_risk * keep + at_risk
        value = kind.any_standing
        value.saved_s = value.saved_s * keep + saved_s
        value.at_risk = value.at_risk * keep + at_risk

    def _class(self, name: str, standing: int, size: int, uses: int) -> PieceClass:
        kind = self._classes.get((name, standing, size, uses))
        if kind is None:
            kind = PieceClass(name, standing, size, uses)
            self._classes[name, standing, size, uses] = kind
            kind.value = self._value(name, standing, size, uses)
            kind.any_uses = self._value(name, standing, size)
            kind.newest = self._value(name, NEWEST, size)
            kind.any_standing = self._value(name, _ALL, size)
        return kind

    def _value(self, name: str, standing: int, size: int, uses: int = _ALL) -> PieceValue:
        value = self._values.get((name, standing, size, uses))
        if value is None:
            value = self._values[name, standing, size, uses] = PieceValue()
        return value
