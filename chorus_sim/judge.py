"""The judge: says of some reused results whether they were good enough, as people would.

A quality curve measured on one model gives P(acceptable) of a plan. Each request has its own luck,
drawn once from the seed: equal plans get equal verdicts in every run, whatever the order. What the
curve does not know is judged by nobody.
"""

from typing import Protocol

import numpy as np

from chorus_policies.cache import Cache
from chorus_policies.costs.differing_words import differing_words
from chorus_policies.costs.quality import QualityCurve, load_quality, reuses
from chorus_policies.entry import Query
from chorus_policies.plan import Copy, Fresh, Plan
from chorus_sim.scenario import Scenario
from chorus_traces.trace import Trace

#: Keeps the judge's luck apart from that of stage times under the same seed.
_STREAM = 20_771


class Critic(Protocol):
    """Tells a simulated cache what results were worth."""

    def asked(self, cache: Cache, now: float) -> None:
        """Say what is to be said before the cache decides on a request at ``now``."""

    def finished(self, cache: Cache, query: Query, plan: Plan, now: float) -> None:
        """See a result that ``plan`` made."""


class Judge:
    """Judges a ``share`` of the results made with reuse."""

    def __init__(self, curve: QualityCurve, trace: Trace, share: float, seed: int) -> None:
        self.share = share
        self._curve = curve
        self._prompts = [request.prompt for request in trace.requests]
        chance = np.random.default_rng([seed, _STREAM])
        self._asked: list[bool] = (chance.random(len(trace)) < share).tolist()
        self._luck: list[float] = chance.random(len(trace)).tolist()
        self._shares: dict[tuple[int, Plan], float | None] = {}

    def judges(self, query: Query) -> bool:
        """Tell whether the result of a request is among those that are judged."""
        return self._asked[query.sequence]

    def verdict(self, query: Query, plan: Plan) -> bool | None:
        """Return whether what ``plan`` makes is good enough; ``None`` where nobody can say.

        That is a result made without reuse, and one the curve does not know.
        """
        if isinstance(plan, Fresh | Copy) or not reuses(plan):
            return None
        share = self._share(query, plan)
        return None if share is None else self._luck[query.sequence] < share

    def asked(self, cache: Cache, now: float) -> None:
        """Say nothing: all was said when results were finished."""

    def finished(self, cache: Cache, query: Query, plan: Plan, now: float) -> None:
        """Tell the cache what was thought of a finished result, if it is judged."""
        if not self.judges(query):
            return
        verdict = self.verdict(query, plan)
        if verdict is not None:
            cache.judged(query, plan, verdict, now)

    def _share(self, query: Query, plan: Plan) -> float | None:
        key = (query.sequence, plan)
        if key not in self._shares and not isinstance(plan, Fresh):
            words = differing_words(self._prompts[query.sequence], self._prompts[plan.donor])
            similarity = 1.0 if isinstance(plan, Copy) else plan.similarity
            found = self._curve.at(plan, query.steps, similarity, words)
            self._shares[key] = None if isinstance(found, str) else found.share
        return self._shares[key]


def judge_of(scenario: Scenario, trace: Trace) -> Judge | None:
    """Return the judge a scenario asks for, ``None`` where nothing is judged.

    Raises ``ProfileError`` for a curve that is not there.
    """
    if not scenario.judged:
        return None
    return Judge(load_quality(scenario.quality), trace, scenario.judged, scenario.run.seed)
