"""An error budget: reuse only as far as judged results say that few of them disappoint.

Each namespace learns, per bucket of similarity, depth k1 and differing words, how often a reused
result was judged not acceptable; a bucket is used while the upper confidence bound of that share is
at most ``delta``, and is otherwise tried by a few requests only. Where a plan is not trusted, half
its depth is tried; where the budget of the namespace is spent, nothing is reused until it recovers.
Paper: own formulation; the aim is that of vCache (arXiv 2502.03771), which fits a curve per entry.
State: two numbers per bucket and five per namespace. Cost per call: O(1) beyond the bands. Left
out: sharing evidence between buckets; whether the judge is right.

The rate that stays under ``delta`` is: disappointing results per request that had a donor.
Exploring adds at most ``epsilon`` <= ``delta`` to it, even if no result is ever judged.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from statistics import NormalDist

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Setting
from chorus_policies.plan import Copy, Fresh, Plan, Regional, Resume
from chorus_policies.reuse.bands import Band, Bands
from chorus_policies.reuse.bands import Config as BandsConfig
from chorus_policies.reuse.gates import check_lexical, words_differ

#: Plans that wait for their judgement; the oldest are forgotten.
_MOST_PENDING = 65_536

_Bucket = tuple[int, int, bool, bool]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The budget, and the keys of ``bands``.

    A larger ``delta`` saves more and disappoints more. A larger ``epsilon`` learns sooner and
    spends more of the budget on it. A larger ``confidence`` trusts a bucket later. After ``memory``
    requests the past counts half: shorter follows changes, longer estimates more surely.
    """

    delta: float = 0.05
    epsilon: float = 0.02
    confidence: float = 0.95
    memory: int = 20_000
    bands: tuple[Band, ...]
    lexical: str = "off"
    break_even: bool = False

    def __post_init__(self) -> None:
        check_lexical(self.lexical)
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


class _Ledger:
    """One namespace: requests that had a donor, results reused, judged and disappointing."""

    __slots__ = ("bad", "buckets", "judged", "reused", "since", "with_donor")

    def __init__(self) -> None:
        self.with_donor = 0.0
        self.reused = 0.0
        self.judged = 0.0
        self.bad = 0.0
        self.since = 0
        #: Judged and disappointing results of each bucket.
        self.buckets: dict[_Bucket, tuple[float, float]] = {}

    def spent(self, delta: float) -> bool:
        """Tell whether one more disappointing result would exceed ``delta``.

        Results that nobody judged are taken to disappoint as often as those somebody did.
        """
        bad = self.bad * max(1.0, self.reused / self.judged) if self.judged else 0.0
        return bad + 1 > delta * self.with_donor

    def fade(self) -> None:
        """Let everything count half."""
        self.since = 0
        for name in ("with_donor", "reused", "judged", "bad"):
            setattr(self, name, getattr(self, name) / 2)
        self.buckets = {key: (n / 2, bad / 2) for key, (n, bad) in self.buckets.items()}


class ErrorBudget:
    """Plans like ``Bands`` where that is known to be acceptable."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._config = config
        self._bands = Bands(
            BandsConfig(bands=config.bands, lexical=config.lexical, break_even=config.break_even),
            setting,
        )
        self._quantile = NormalDist().inv_cdf(config.confidence)
        self._salt = setting.chance.getrandbits(64)
        self._ledgers: dict[str, _Ledger] = {}
        self._pending: OrderedDict[int, tuple[int, _Bucket]] = OrderedDict()
        self._latest = -1

    def floor(self) -> float:
        """Return the similarity of the lowest band."""
        return self._bands.floor()

    def span(self, steps: int) -> tuple[int, int]:
        """Return the range of steps that the bands can ask for."""
        return self._bands.span(steps)

    def plan(self, query: Query, neighbours: Iterable[tuple[Entry, float]], now: float) -> Plan:
        """Return the bands' plan, or one of half its depth, or none: the first that is trusted.

        Asked again about the same request it answers the same and counts nothing.
        """
        shown: dict[int, Entry] = {}
        plan = self._bands.plan(query, _noting(neighbours, shown), now)
        if isinstance(plan, Fresh | Copy):
            return plan
        ledger = self._ledgers.setdefault(query.namespace or "", _Ledger())
        first_time = query.sequence != self._latest
        self._latest = query.sequence
        if first_time:
            self._count_request(ledger)
        if ledger.spent(self._config.delta):
            return _SPENT
        entry = shown[plan.donor]
        differ = words_differ(query, entry)
        chosen = self._choose(plan, query, entry, ledger)
        if chosen is None:
            return _NOT_TRUSTED
        if first_time:
            ledger.reused += 1
            self._pending[query.sequence] = (chosen.donor, _bucket(chosen, query, differ))
            if len(self._pending) > _MOST_PENDING:
                self._pending.popitem(last=False)
        return chosen

    def judged(self, query: Query, plan: Plan, acceptable: bool) -> None:
        """Learn whether the result that ``plan`` gave ``query`` was acceptable.

        A request that was not reused, or was judged before, teaches nothing.
        """
        if isinstance(plan, Fresh | Copy):
            return
        donor, bucket = self._pending.pop(query.sequence, (-1, None))
        if bucket is None or donor != plan.donor:
            return
        ledger = self._ledgers[query.namespace or ""]
        ledger.judged += 1
        ledger.bad += not acceptable
        judged, bad = ledger.buckets.get(bucket, (0.0, 0.0))
        ledger.buckets[bucket] = (judged + 1, bad + (not acceptable))

    def bounds(self, namespace: str) -> dict[_Bucket, tuple[float, float]]:
        """Return the confidence bounds of each bucket's share of disappointing results."""
        ledger = self._ledgers.get(namespace, _Ledger())
        return {bucket: self._bounds(*counts) for bucket, counts in ledger.buckets.items()}

    def _count_request(self, ledger: _Ledger) -> None:
        ledger.with_donor += 1
        ledger.since += 1
        if ledger.since >= self._config.memory:
            ledger.fade()

    def _choose(
        self, plan: Resume | Regional, query: Query, entry: Entry, ledger: _Ledger
    ) -> Resume | Regional | None:
        delta = self._config.delta
        differ = words_differ(query, entry)
        tries: list[Resume | Regional] = [plan]
        half = plan.k1 // 2
        if half and entry.resumes_at(half):
            tries.append(
                Resume(
                    donor=plan.donor,
                    similarity=plan.similarity,
                    k1=half,
                    amplification=plan.amplification,
                    reason="half: budget",
                )
            )
        bounds = [
            self._bounds(*ledger.buckets.get(_bucket(one, query, differ), (0.0, 0.0)))
            for one in tries
        ]
        for one, (_, upper) in zip(tries, bounds, strict=True):
            if upper <= delta:
                return one
        if self._coin(query.sequence) < self._config.epsilon:
            # Exploring what is already known to be bad would teach nothing.
            for one, (lower, _) in zip(tries, bounds, strict=True):
                if lower <= delta:
                    return one
        return None

    def _bounds(self, judged: float, bad: float) -> tuple[float, float]:
        """Return Wilson's score interval of a share, (0, 1) where nothing was judged."""
        if judged == 0:
            return 0.0, 1.0
        z2 = self._quantile**2
        share = bad / judged
        middle = share + z2 / (2 * judged)
        spread = math.sqrt(z2 * (share * (1 - share) / judged + z2 / (4 * judged**2)))
        scale = 1 + z2 / judged
        return max(0.0, middle - spread) / scale, (middle + spread) / scale

    def _coin(self, sequence: int) -> float:
        """Return a number in [0, 1) that belongs to the request, however often it is asked."""
        content = f"{self._salt}/{sequence}".encode()
        return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little") / 2**64


def _bucket(plan: Resume | Regional, query: Query, differ: bool) -> _Bucket:
    """Return fiftieths of similarity, tenths of the steps, and whether SRD and words differ."""
    depth = 10 * plan.k1 // query.steps
    return int(plan.similarity * 50 + 1e-9), depth, isinstance(plan, Regional), differ


def _noting(
    neighbours: Iterable[tuple[Entry, float]], shown: dict[int, Entry]
) -> Iterator[tuple[Entry, float]]:
    for entry, similarity in neighbours:
        shown[entry.key] = entry
        yield entry, similarity


_SPENT = Fresh(reason="the error budget is spent")
_NOT_TRUSTED = Fresh(reason="not judged often enough to be trusted")
