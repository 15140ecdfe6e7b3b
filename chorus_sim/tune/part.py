"""One part of a trace, ready to try policies on: the trials' part, or the part held out.

Both parts start with an empty cache, an empty queue and their clock at zero: what is found on the
first is judged on the second as a service would meet it after a restart.
"""

import dataclasses

import msgspec
import numpy as np

from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.costs.quality import Acceptable, load_quality
from chorus_policies.plan import Fresh
from chorus_policies.policy import Policy
from chorus_sim.bootstrap import FloatArray
from chorus_sim.experiment import Progress, assemble, revise
from chorus_sim.predicted_quality import predict
from chorus_sim.runs import run_policy, run_uncached, warm_up_cut
from chorus_sim.scenario import Scenario
from chorus_sim.summary import Run
from chorus_sim.tune.objective import Observed
from chorus_traces.errors import ScenarioError
from chorus_traces.trace import Trace

#: Fewer requests in a part than this say nothing about anything.
LEAST_REQUESTS = 100


def split(trace: Trace, holdout: float) -> tuple[Trace, Trace]:
    """Return the first part of the trace and the last ``holdout`` of it (a share of its requests).

    Raises ``ScenarioError`` where either has fewer than ``LEAST_REQUESTS``.
    """
    first = len(trace) - round(len(trace) * holdout)
    if min(first, len(trace) - first) < LEAST_REQUESTS:
        raise ScenarioError(
            f"--holdout {holdout:g}: {first} requests to try on and {len(trace) - first} held out; "
            f"{LEAST_REQUESTS} of each are needed (a longer trace, or another share)"
        )
    return _cut(trace, 0, first), _cut(trace, first, len(trace))


def _cut(trace: Trace, low: int, high: int) -> Trace:
    begin = trace.requests[low].arrival_s
    requests = tuple(
        msgspec.structs.replace(request, arrival_s=request.arrival_s - begin)
        for request in trace.requests[low:high]
    )
    embeddings = None if trace.embeddings is None else trace.embeddings[low:high]
    return dataclasses.replace(trace, requests=requests, embeddings=embeddings)


class Part:
    """Runs policies on one part of a trace, all beside the same run without a cache.

    ``scenario`` is of a known fleet, so that both parts have the same one; the warm-up is that of
    the base policy.
    """

    def __init__(
        self,
        scenario: Scenario,
        trace: Trace,
        base: Policy,
        book: ProfileBook,
        progress: Progress,
    ) -> None:
        self._prepared = assemble(scenario, trace, base, book, progress)
        self._book = book
        self._curve = load_quality(scenario.quality) if scenario.quality else None
        self._baseline = run_uncached(self._prepared)
        run = run_policy(self._prepared)
        self.requests = len(trace)
        _, self._cut = warm_up_cut(self._prepared, run)
        self.base = self._observed(run)

    def observe(self, policy: Policy) -> Observed:
        """Run a policy. Raises ``ChorusError`` where it cannot be run on this scenario."""
        self._prepared = revise(self._prepared, self._prepared.scenario, policy, self._book)
        return self._observed(run_policy(self._prepared))

    def _observed(self, run: Run) -> Observed:
        return Observed(
            run=run,
            baseline=self._baseline,
            cut=self._cut,
            prices=self._prepared.scenario.prices,
            acceptable=self._acceptable(run),
        )

    def _acceptable(self, run: Run) -> FloatArray:
        """Return the chance of each clip by the curve; what it did not measure counts as 0."""
        if self._curve is None:
            return np.empty(0)
        prepared = self._prepared
        steps = prepared.workload.queries[0].steps
        plain = self._curve.at(Fresh(reason="full compute"), steps, 0.0, 0)
        found = predict(self._curve, run.served, prepared.workload, prepared.trace)
        chances = [plain if one is None else one for one in found]
        return np.array([one.share if isinstance(one, Acceptable) else 0.0 for one in chances])
