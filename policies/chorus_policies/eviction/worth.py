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
place in an ordered map and eight numbers; per class: four numbers. Cost per call: O(1), ``victim``
O(classes), ``watched`` reads at most three neighbours. Left out: who the user is; donors in flight.
"""

import math
from collections import OrderedDict
from collections.abc import Container, Iterable
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


_Class = tuple[str, bool, int]


def _size_class(size_bytes: int) -> int:
    """Return quarter octaves: sizes within 19 % of each other are alike."""
    return round(4 * math.log2(size_bytes + 1))


class _State:
    """One resident entry: since when it is unused, and which pieces of it are there."""

    __slots__ = (
        "core_bytes",
        "core_class",
        "kind",
        "redundant",
        "seen",
        "size_bytes",
        "size_class",
        "unused_since",
        "whole",
    )

    def __init__(self, entry: Entry, clock: int) -> None:
        self.whole = entry.first_step <= entry.last_step
        self.size_bytes = entry.size_bytes
        self.core_bytes = entry.core_bytes
        self.size_class = _size_class(entry.size_bytes)
        self.core_class = _size_class(entry.core_bytes)
        self.kind: _Class = ("", False, 0)
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
        self._queues: dict[_Class, OrderedDict[int, None]] = {}
        self._values: dict[_Class, _Value] = {}
        self._mean = _Value()
        self._gain = (0.0, 0.0)

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Work out what the donor saves that no other resident would."""
        self._gain = (0.0, 0.0)
        if isinstance(plan, Fresh | Copy):
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
                self._leave(donor, state, 0.0, 0.0)
                state.redundant = True
                self._join(donor, state)
        state = self._states[entry.key] = _State(entry, self._clock)
        self._join(entry.key, state)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Credit the entry's pieces and make it the most recent of its class."""
        by_window, beyond = self._gain
        state = self._states[entry.key]
        self._leave(entry.key, state, by_window, beyond)
        state.unused_since = state.seen = self._clock
        self._join(entry.key, state)

    def removed(self, key: int, now: float) -> None:
        """Count the entry's last time at risk and forget it."""
        self._leave(key, self._states.pop(key), 0.0, 0.0)

    def trimmed(self, entry: Entry, now: float) -> None:
        """Go on without the step latents."""
        state = self._states[entry.key]
        self._leave(entry.key, state, 0.0, 0.0)
        state.whole = False
        state.size_bytes = entry.size_bytes
        self._join(entry.key, state)

    def trims(self, key: int, now: float) -> bool:
        """Tell whether only the step latents of the victim ``key`` leave."""
        return self._trims and self._states[key].whole

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry whose cheapest piece is worth least per byte."""
        prior = (self._mean.saved_s + 1.0) / (self._mean.at_risk + 1.0)
        chosen, least = -1, math.inf
        for kind, queue in self._queues.items():
            if not queue:
                continue
            key = next(iter(queue))
            if key in pinned:
                key = next((key for key in queue if key not in pinned), -1)
                if key < 0:
                    continue
            state = self._states[key]
            value = self._values[kind]
            rate = (value.saved_s + prior) / (value.at_risk + 1.0)
            age = self._clock - state.unused_since + 1
            worth = rate / age / self._freed_bytes(state)
            if worth < least:
                chosen, least = key, worth
        return chosen

    def _freed_bytes(self, state: _State) -> int:
        if self._trims and state.whole:
            return state.size_bytes - state.core_bytes
        return state.size_bytes

    def _join(self, key: int, state: _State) -> None:
        """Put the entry at the recent end of the queue its piece and size call for."""
        if not self._trims:
            state.kind = ("whole", state.redundant, state.size_class)
        elif state.whole:
            state.kind = ("window", state.redundant, state.size_class)
        else:
            state.kind = ("core", state.redundant, state.core_class)
        queue = self._queues.get(state.kind)
        if queue is None:
            queue = self._queues[state.kind] = OrderedDict()
            self._values[state.kind] = _Value()
        queue[key] = None

    def _leave(self, key: int, state: _State, by_window: float, beyond: float) -> None:
        """Take the entry out of its queue and learn from the time it was at risk."""
        kind = state.kind
        del self._queues[kind][key]
        began = state.seen - state.unused_since + 1
        at_risk = math.log((self._clock - state.unused_since + 1) / began)
        state.seen = self._clock
        if kind[0] == "window":
            self._learn(kind, by_window, at_risk)
            core = ("core", state.redundant, state.core_class)
            self._values_of(core).learn(beyond - by_window, at_risk, self._keep)
        else:
            self._learn(kind, beyond, at_risk)

    def _learn(self, kind: _Class, saved_s: float, at_risk: float) -> None:
        self._values[kind].learn(saved_s, at_risk, self._keep)
        self._mean.learn(saved_s, at_risk, self._keep)

    def _values_of(self, kind: _Class) -> _Value:
        value = self._values.get(kind)
        if value is None:
            value = self._values[kind] = _Value()
            self._queues[kind] = OrderedDict()
        return value
