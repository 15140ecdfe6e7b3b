"""Evict what would lose the fewest GPU-seconds per byte; learn that value while serving.

An entry is worth what it saves beyond what the second-best resident would have saved. Reuse of an
entry falls off with its age as a power law (edit chains: the next edit comes soon or never), so the
value of a class of entries is one number: seconds saved per unit of log-age at risk, the maximum
likelihood estimate for a hazard of a / age. Classes are: superseded by a newer near-identical entry
or not, and size (which tells how early a step the entry can serve). Within a class the longest
unused leaves first; across classes the smallest value per byte and age. Where the form allows
trimming, an entry has two pieces with values of their own: the step latents, which SRD needs, and
the rest, which full reuse needs; the step latents can leave alone.

Own formulation; kin are hit density (LHD, Beckmann et al., NSDI 2018) and GDSF. State per entry: a
place in an ordered map and nine numbers; per class: four numbers. Cost per call: O(1), ``victim``
O(classes), ``watched`` reads at most three neighbours. Left out: who the user is; donors in flight.
"""

import math
from collections import OrderedDict
from collections.abc import Container, Iterable
from functools import lru_cache
from itertools import islice

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Copy, Fresh, Plan, Regional

#: Neighbours read per lookup: the donor and the two nearest others.
_READ = 3


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


class _Value:
    """What a class of pieces has saved, and the log-age it was at risk for."""

    __slots__ = ("at_risk", "saved_s")

    def __init__(self) -> None:
        self.saved_s = 0.0
        self.at_risk = 0.0

    def learn(self, saved_s: float, at_risk: float, keep: float) -> None:
        self.saved_s = self.saved_s * keep + saved_s
        self.at_risk = self.at_risk * keep + at_risk


class _Class(_Value):
    """A class of pieces: its value, and its entries, the longest unused first."""

    __slots__ = ("is_window", "queue")

    def __init__(self, piece: str) -> None:
        super().__init__()
        self.is_window = piece == "window"
        self.queue: OrderedDict[int, _State] = OrderedDict()


@lru_cache
def _size_class(size_bytes: int) -> int:
    """Return quarter octaves: sizes within 19 % of each other are alike."""
    return round(4 * math.log2(size_bytes + 1))


class _State:
    """One resident entry: since when it is unused, and which pieces of it are there.

    ``freed_bytes`` leave with the piece that ``kind`` is about.
    """

    __slots__ = (
        "core_bytes",
        "core_class",
        "freed_bytes",
        "kind",
        "redundant",
        "seen",
        "size_bytes",
        "size_class",
        "unused_since",
        "whole",
    )

    kind: _Class

    def __init__(self, entry: Entry, clock: int) -> None:
        self.whole = entry.first_step <= entry.last_step
        self.size_bytes = self.freed_bytes = entry.size_bytes
        self.core_bytes = entry.core_bytes
        self.size_class = _size_class(entry.size_bytes)
        self.core_class = _size_class(entry.core_bytes)
        self.redundant = False
        self.unused_since = clock
        self.seen = clock


class Worth:
    """Orders pieces of entries by the seconds that would be lost per byte."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._trims = setting.trims
        self._similarity = config.similarity
        self._keep = 1 - 1 / config.memory
        self._clock = 0
        self._states: dict[int, _State] = {}
        self._classes: dict[tuple[str, bool, int], _Class] = {}
        self._mean = _Value()
        self._gain = (0.0, 0.0)

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Work out what the donor saves that no other resident would."""
        self._gain = (0.0, 0.0)
        if isinstance(plan, (Fresh, Copy)):
            return
        saving, others = 0.0, 0.0
        for option in islice(options, _READ):
            if option.entry.key == plan.donor:
                saving = option.saving_s
            else:
                others = max(others, option.saving_s)
        beyond = max(0.0, saving - others)
        by_window = 0.0
        if isinstance(plan, Regional):
            by_window = max(0.0, saving - max(plan.k1 * query.step_s, others))
        self._gain = (min(by_window, beyond), beyond)

    def admitted(self, entry: Entry, now: float) -> None:
        """Let the entry in, and mark its donor if the two are near-identical."""
        self._clock += 1
        donor = entry.donor
        if donor is not None and entry.donor_similarity >= self._similarity:
            state = self._states.get(donor)
            if state is not None and not state.redundant:
                self._leave(donor, state)
                state.redundant = True
                self._join(donor, state)
        state = self._states[entry.key] = _State(entry, self._clock)
        self._join(entry.key, state)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Credit the entry's pieces and make it the most recent of its class."""
        by_window, beyond = self._gain
        state = self._states[entry.key]
        self._learn(state, by_window, beyond)
        state.unused_since = self._clock
        state.kind.queue.move_to_end(entry.key)

    def removed(self, key: int, now: float) -> None:
        """Count the entry's last time at risk and forget it."""
        self._leave(key, self._states.pop(key))

    def trimmed(self, entry: Entry, now: float) -> None:
        """Go on without the step latents."""
        state = self._states[entry.key]
        self._leave(entry.key, state)
        state.whole = False
        state.size_bytes = entry.size_bytes
        self._join(entry.key, state)

    def trims(self, key: int, now: float) -> bool:
        """Tell whether only the step latents of the victim ``key`` leave."""
        return self._trims and self._states[key].whole

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry whose cheapest piece is worth least per byte."""
        prior = (self._mean.saved_s + 1.0) / (self._mean.at_risk + 1.0)
        chosen, least, next_tick = -1, math.inf, self._clock + 1
        for kind in self._classes.values():
            queue = kind.queue
            if not queue:
                continue
            key = next(iter(queue))
            if key in pinned:
                key = next((key for key in queue if key not in pinned), -1)
                if key < 0:
                    continue
            state = queue[key]
            rate = (kind.saved_s + prior) / (kind.at_risk + 1.0)
            worth = rate / (next_tick - state.unused_since) / state.freed_bytes
            if worth < least:
                chosen, least = key, worth
        return chosen

    def _join(self, key: int, state: _State) -> None:
        """Put the entry at the recent end of the queue its piece and size call for."""
        state.freed_bytes = state.size_bytes
        if not self._trims:
            kind = self._class("whole", state.redundant, state.size_class)
        elif state.whole:
            kind = self._class("window", state.redundant, state.size_class)
            state.freed_bytes -= state.core_bytes
        else:
            kind = self._class("core", state.redundant, state.core_class)
        state.kind = kind
        kind.queue[key] = state

    def _leave(self, key: int, state: _State) -> None:
        """Take the entry out of its queue; it saved nothing since it was last seen."""
        del state.kind.queue[key]
        self._learn(state, 0.0, 0.0)

    def _learn(self, state: _State, by_window: float, beyond: float) -> None:
        """Learn from what the entry's pieces saved and the time they were at risk."""
        kind, clock, keep = state.kind, self._clock, self._keep
        began = state.seen - state.unused_since + 1
        at_risk = math.log((clock - state.unused_since + 1) / began)
        state.seen = clock
        saved_s = by_window if kind.is_window else beyond
        kind.learn(saved_s, at_risk, keep)
        self._mean.learn(saved_s, at_risk, keep)
        if kind.is_window:
            core = self._class("core", state.redundant, state.core_class)
            core.learn(beyond - by_window, at_risk, keep)

    def _class(self, piece: str, redundant: bool, size: int) -> _Class:
        name = (piece, redundant, size)
        kind = self._classes.get(name)
        if kind is None:
            kind = self._classes[name] = _Class(piece)
        return kind
