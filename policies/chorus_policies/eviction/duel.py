"""DUEL: each new entry challenges a resident one; both collect what they save, the loser leaves.

The rival is the nearest resident with probability ``beta``, else any. At every lookup each side is
credited with what it saves beyond the best third neighbour; the duel ends when the credits differ
by ``delta`` misses, or after a while, and then the incumbent wins ties. Paper: Garetto, Leonardi
and Neglia, "Similarity caching: theory and algorithms", INFOCOM 2020 (from memory of the paper).
State per entry: a credit, a place in its duel and in one list. Cost per call: O(``looks``^2).

Left out: the paper's challenger takes no room and is fetched when it wins. A result that was
dropped here cannot be fetched and its neighbours are not known, so a challenger is resident while
it duels; where room is needed losers go first, then the oldest challengers, then any other.
"""

from collections import OrderedDict
from collections.abc import Container, Iterable
from itertools import chain, islice

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.eviction.pool import Pool
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Plan

#: Requests in service whose nearest neighbour is remembered until their result is stored.
_MOST_PENDING = 1024


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The duels.

    A larger ``beta`` fights over one neighbourhood, a smaller one moves room between them. A larger
    ``delta`` (in misses) and a larger ``patience`` (lookups per resident entry) judge more surely
    and keep losers longer. More ``looks`` see neighbours further away and cost time.
    """

    beta: float = 0.75
    delta: float = 0.5
    patience: float = 10.0
    looks: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 1:
            raise ValueError(f"beta is {self.beta}; a probability in [0, 1] is needed")
        if not 0 < self.delta <= 1e6:
            raise ValueError(f"delta is {self.delta}; a number of misses in (0, 1e6] is needed")
        if not 0 < self.patience <= 1e6:
            raise ValueError(f"patience is {self.patience}; lookups in (0, 1e6] are needed")
        if not 2 <= self.looks <= 1000:
            raise ValueError(f"looks is {self.looks}; 2 to 1000 is needed")


class _Duel:
    """Who fights since which lookup, and by how much the challenger leads, in misses."""

    __slots__ = ("challenger", "incumbent", "lead", "since")

    def __init__(self, challenger: int, incumbent: int, since: int) -> None:
        self.challenger = challenger
        self.incumbent = incumbent
        self.since = since
        self.lead = 0.0


class Duel:
    """Keeps entries in duels, losers in the order they lost, and the others in a pool."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._config = config
        self._chance = setting.chance
        self._free = Pool(setting.chance)
        self._lost: OrderedDict[int, None] = OrderedDict()
        self._duel_of: dict[int, _Duel] = {}
        #: Running duels by challenger, oldest first.
        self._running: OrderedDict[int, _Duel] = OrderedDict()
        self._nearest: OrderedDict[int, int] = OrderedDict()
        self._lookups = 0
        self._named: int | None = None

    def admitted(self, entry: Entry, now: float) -> None:
        """Let the entry challenge a resident that is not fighting; without one it is just kept."""
        key = entry.key
        rival = self._nearest.pop(key, key)
        if not self._free:
            self._free.add(key)
            return
        if rival not in self._free or self._chance.random() >= self._config.beta:
            rival = self._free.draw(())
        duel = _Duel(key, rival, self._lookups)
        self._free.remove(rival)
        self._duel_of[key] = self._duel_of[rival] = duel
        self._running[key] = duel

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Credit the neighbours that fight, end duels that are decided, note the nearest."""
        self._lookups += 1
        near = list(islice(options, self._config.looks))
        if near:
            self._nearest[query.sequence] = near[0].entry.key
            if len(self._nearest) > _MOST_PENDING:
                self._nearest.popitem(last=False)
        miss_s = query.steps * query.step_s
        fights = {
            id(duel): duel
            for option in near
            if (duel := self._duel_of.get(option.entry.key)) is not None
        }
        if miss_s > 0:
            best = sorted(near, key=lambda option: -option.saving_s)
            for duel in fights.values():
                self._credit(duel, best, miss_s)
        patience = self._config.patience * (len(self._duel_of) + len(self._free))
        while self._running:
            oldest = next(iter(self._running.values()))
            if self._lookups - oldest.since < patience:
                break
            self._end(oldest)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Change nothing: credit is given when the lookup is watched."""

    def removed(self, key: int, now: float) -> None:
        """Forget the entry; its rival, if it has one, fights no more."""
        if key == self._named:
            self._named = None
        duel = self._duel_of.get(key)
        if duel is not None:
            self._part(duel)
            self._free.add(duel.incumbent if key == duel.challenger else duel.challenger)
        elif key in self._lost:
            del self._lost[key]
        else:
            self._free.remove(key)

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return a loser, else the oldest challenger, else an incumbent or any other entry."""
        for key in chain(self._lost, self._running):
            if key not in pinned:
                return key
        if self._named is None or self._named in pinned or self._named not in self._free:
            incumbents = (duel.incumbent for duel in self._running.values())
            self._named = next((key for key in incumbents if key not in pinned), None)
            if self._named is None:
                self._named = self._free.draw(pinned)
        return self._named

    def _credit(self, duel: _Duel, best: list[Option], miss_s: float) -> None:
        """Add what each side saves beyond the best third; end the duel if that decides it."""
        sides = (duel.challenger, duel.incumbent)
        third_s = next((one.saving_s for one in best if one.entry.key not in sides), 0.0)
        for option in best:
            if option.entry.key in sides:
                gain = max(0.0, option.saving_s - third_s) / miss_s
                duel.lead += gain if option.entry.key == duel.challenger else -gain
        if abs(duel.lead) >= self._config.delta:
            self._end(duel)

    def _end(self, duel: _Duel) -> None:
        """Free the winner and put the loser among those that leave next."""
        won = duel.lead > 0
        self._part(duel)
        self._free.add(duel.challenger if won else duel.incumbent)
        self._lost[duel.incumbent if won else duel.challenger] = None

    def _part(self, duel: _Duel) -> None:
        del self._duel_of[duel.challenger], self._duel_of[duel.incumbent]
        del self._running[duel.challenger]
