"""An error budget: reuse only as far as judged results say that few of them disappoint.

Judged results are counted by namespace, similarity, depth k1 and differing words (``evidence``).
Where at most ``high`` of them disappoint, by the upper confidence bound, ``delta / high`` of the
requests are reused: all if ``high`` is below ``delta``, few where little is known. Half the depth
is tried where that may save more; where the budget is spent, nothing is reused.
Paper: the rule is vCache's (arXiv 2502.03771), which fits a curve per entry; the evidence is ours.
State: two numbers per bucket and four per namespace. Cost per call: O(1) beyond the bands. Left
out: whether the judge is right; a budget saved on good buckets is not spent on worse ones.

The rate that stays under ``delta`` is: disappointing results per request that had a donor. It holds
over all namespaces together, and in each but for one result that a small one may be ahead.
Trying what nobody ever judged adds at most ``epsilon`` to it.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from statistics import NormalDist

import msgspec

from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Setting
from chorus_policies.plan import Copy, Fresh, Plan, Regional, Resume
from chorus_policies.reuse.bands import Band, Bands
from chorus_policies.reuse.bands import Config as BandsConfig
from chorus_policies.reuse.evidence import Evidence, Key, Ledger
from chorus_policies.reuse.gates import words_differ
from chorus_policies.reuse.learned import Learned

#: Plans that wait for their judgement; the oldest are forgotten.
_MOST_PENDING = 65_536

#: Where surely more results disappoint than not, the budget is better spent elsewhere.
_HOPELESS = 0.5


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The budget, and the keys of ``bands``.

    A larger ``delta`` saves more and disappoints more. A larger ``epsilon`` tries more of what was
    never judged: it learns sooner and loses more where nobody ever judges. A larger ``confidence``
    trusts later. After ``memory`` requests the past counts half: shorter follows changes, longer
    estimates more surely.
    """

    delta: float = 0.05
    epsilon: float = 0.02
    confidence: float = 0.95
    memory: int = 20_000
    bands: tuple[Band, ...]
    lexical: str = "off"
    break_even: bool = False

    def __post_init__(self) -> None:
        self.of_bands()
        if not 0 < self.delta < 1:
            raise ValueError(f"delta is {self.delta}; a share in (0, 1) is needed")
        if not 0 < self.epsilon <= self.delta:
            raise ValueError(
                f"epsilon is {self.epsilon}; a share in (0, delta {self.delta}] is needed, or "
                "exploring alone could spend the budget"
            )
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}; a share in (0.5, 1) is needed")
        if self.memory < 100:
            raise ValueError(f"memory is {self.memory}; 100 requests or more are needed")

    def of_bands(self) -> BandsConfig:
        """Return the keys of ``bands``. Raises ``ValueError`` as that part does."""
        return BandsConfig(bands=self.bands, lexical=self.lexical, break_even=self.break_even)


class ErrorBudget:
    """Plans like ``Bands`` where that is known to be acceptable."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._config = config
        self._bands = Bands(config.of_bands(), setting)
        self._evidence = Evidence(NormalDist().inv_cdf(config.confidence))
        self._salt = setting.chance.getrandbits(64)
        self._all = Ledger()
        self._ledgers: dict[str, Ledger] = {}
        self._since = 0
        self._pending: OrderedDict[int, tuple[int, tuple[Key, ...]]] = OrderedDict()
        self._latest = -1

    def floor(self) -> float:
        """Return the similarity of the lowest band."""
        return self._bands.floor()

    def span(self, steps: int) -> tuple[int, int]:
        """Return the range of steps that the bands can ask for."""
        return self._bands.span(steps)

    def plan(self, query: Query, neighbours: Iterable[tuple[Entry, float]], now: float) -> Plan:
        """Return the bands' plan, or one of half its depth, or none, as the budget allows.

        Asked again about the same request it answers the same and counts nothing.
        """
        shown: dict[int, Entry] = {}
        plan = self._bands.plan(query, _noting(neighbours, shown), now)
        if isinstance(plan, Fresh | Copy):
            return plan
        ledger = self._ledgers.setdefault(query.namespace or "", Ledger())
        first_time = query.sequence != self._latest
        self._latest = query.sequence
        if first_time:
            self._count_request(ledger)
        if self._is_spent(ledger):
            return _SPENT
        entry = shown[plan.donor]
        chosen, levels = self._choose(plan, query, entry)
        if chosen is None:
            return _NOT_TRUSTED
        if first_time:
            ledger.reused += 1
            self._all.reused += 1
            self._pending[query.sequence] = (chosen.donor, levels)
            if len(self._pending) > _MOST_PENDING:
                self._pending.popitem(last=False)
        return chosen

    def judged(self, query: Query, plan: Plan, acceptable: bool) -> None:
        """Learn whether the result that ``plan`` gave ``query`` was acceptable.

        A request that was not reused, or was judged before, teaches nothing.
        """
        if isinstance(plan, Fresh | Copy):
            return
        donor, levels = self._pending.pop(query.sequence, (-1, ()))
        if not levels or donor != plan.donor:
            return
        for ledger in (self._ledgers[query.namespace or ""], self._all):
            ledger.judged += 1
            ledger.bad += not acceptable
        self._evidence.count(levels, bad=not acceptable)

    def learned(self) -> tuple[Learned, ...]:
        """Return the evidence; what is left of the budget is no part of it."""
        return self._evidence.learned()

    def recall(self, learned: Sequence[Learned]) -> None:
        """Begin with the evidence of an earlier run, and with a budget of one's own."""
        self._evidence.recall(learned)

    def _is_spent(self, own: Ledger) -> bool:
        """Tell whether one more disappointing result would exceed ``delta``.

        A namespace in which none did yet lives on what all of them have left.
        """
        delta = self._config.delta
        if self._all.expected_bad + 1 > delta * self._all.with_donor:
            return True
        return own.bad > 0 and own.expected_bad + 1 > delta * own.with_donor

    def _count_request(self, ledger: Ledger) -> None:
        ledger.with_donor += 1
        self._all.with_donor += 1
        self._since += 1
        if self._since >= self._config.memory:
            self._since = 0
            for one in (self._all, *self._ledgers.values()):
                one.fade()
            self._evidence.fade()

    def _choose(
        self, plan: Resume | Regional, query: Query, entry: Entry
    ) -> tuple[Resume | Regional | None, tuple[Key, ...]]:
        """Return the plan of this request's luck, ``None`` for none, and its buckets."""
        differ = words_differ(query, entry)
        most = -1.0
        chosen: tuple[Resume | Regional | None, tuple[Key, ...]] = (None, ())
        share = 0.0
        for one in self._tries(plan, entry):
            levels = _levels(one, query, differ)
            low, high = self._evidence.interval(levels)
            if low > _HOPELESS:
                continue
            # By the best that may be true, or what is not tried is never known.
            saving = saved_steps(one, query.steps, query.srd_full_every) * self._share(low)
            if saving > most:
                most, chosen = saving, (one, levels)
                share = self._config.epsilon if high == 1 else self._share(high)
        return chosen if self._coin(query.sequence) < share else (None, ())

    def _share(self, disappointing: float) -> float:
        """Return the share of requests to reuse where so many results disappoint."""
        delta = self._config.delta
        return 1.0 if disappointing <= delta else delta / disappointing

    def _tries(self, plan: Resume | Regional, entry: Entry) -> Iterator[Resume | Regional]:
        yield plan
        half = plan.k1 // 2
        if half and entry.resumes_at(half):
            yield Resume(
                donor=plan.donor,
                similarity=plan.similarity,
                k1=half,
                amplification=plan.amplification,
                reason="half: budget",
            )

    def _coin(self, sequence: int) -> float:
        """Return a number in [0, 1) that belongs to the request, however often it is asked."""
        content = f"{self._salt}/{sequence}".encode()
        return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little") / 2**64


def _levels(plan: Resume | Regional, query: Query, differ: bool) -> tuple[Key, ...]:
    """Return the buckets of a plan: of its kind, of its similarity, of its namespace.

    A kind is the number of steps, tenths of them, and whether SRD and words differ. Similarity
    counts in fiftieths.
    """
    kind = (query.steps, 10 * plan.k1 // query.steps, isinstance(plan, Regional), differ)
    similar = (*kind, int(plan.similarity * 50 + 1e-9))
    return kind, similar, (*similar, query.namespace or "")


def _noting(
    neighbours: Iterable[tuple[Entry, float]], shown: dict[int, Entry]
) -> Iterator[tuple[Entry, float]]:
    for entry, similarity in neighbours:
        shown[entry.key] = entry
        yield entry, similarity


_SPENT = Fresh(reason="the error budget is spent")
_NOT_TRUSTED = Fresh(reason="not judged often enough to be trusted")

#: Why a request that had a donor was not reused.
REFUSALS = frozenset({_SPENT.reason, _NOT_TRUSTED.reason})
