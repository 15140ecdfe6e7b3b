"""Traffic: the trace of each growth factor and seed, ready to be simulated.

More users come from ``rate_scale``: copies of sessions, never compressed ones.
"""

import dataclasses
from collections.abc import Callable

import msgspec
import numpy as np

from chorus_sim.compiled.shared import Shared
from chorus_sim.experiment import Prepared, prepare
from chorus_sim.quantities import parse_preload
from chorus_sim.scenario import Scenario
from chorus_sim.workload import Workload
from chorus_traces.errors import ScenarioError
from chorus_traces.rate_scale import scale_rate
from chorus_traces.trace import Trace
from chorus_traces.what_if import change, preload

HOUR_S = 3600.0


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the traffic: ``growth`` times the users, and what is changed beside it.

    ``service`` is a factor on all computed stages. ``what_if`` is applied before users are added.
    ``tenants`` overrides the deployment's. ``from_peak`` keeps the busiest hour and what follows,
    without a preload.
    """

    growth: float
    service: float = 1.0
    what_if: str = ""
    tenants: str = ""
    from_peak: bool = False


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Where traffic comes from: one recorded ``trace``, or ``generate`` called with a seed."""

    scenario: Scenario
    trace: Trace
    generate: Callable[[int], Trace] | None = None

    def prepared(self, setting: Setting, seed: int) -> Prepared:
        """Return the experiment of ``setting`` under ``seed``, on one GPU.

        Raises ``ChorusError`` on anything that does not fit.
        """
        scenario = self._scenario(setting, seed)
        trace = self.trace if self.generate is None else self.generate(seed)
        trace = change(trace, setting.what_if, seed)
        trace = scale_rate(trace, setting.growth, seed)
        if setting.from_peak:
            trace = _from_peak(trace)
        first = parse_preload(scenario.run.preload)
        if isinstance(first, str):
            raise ScenarioError(
                f"run.preload is {first!r}: a plan preloads a first part of its own trace; "
                "write a share like 20%"
            )
        filled = bool(first) and not setting.from_peak
        prepared = prepare(scenario, preload(trace, first) if filled else trace)
        if setting.service == 1:
            return prepared
        slowed = _slowed(prepared.workload, setting.service)
        return msgspec.structs.replace(prepared, workload=slowed, shared=Shared(slowed))

    def _scenario(self, setting: Setting, seed: int) -> Scenario:
        scenario = self.scenario
        fleet = msgspec.structs.replace(scenario.fleet, gpus=1)
        run = msgspec.structs.replace(scenario.run, seed=seed)
        deployment = scenario.deployment
        if setting.tenants:
            deployment = msgspec.structs.replace(deployment, tenants=setting.tenants)
        return msgspec.structs.replace(scenario, fleet=fleet, run=run, deployment=deployment)


def span_s(workload: Workload) -> float:
    """Return the seconds from the first arrival to the last."""
    return float(workload.arrivals[-1] - workload.arrivals[0])


def busiest_hour(workload: Workload) -> tuple[float, float]:
    """Return the busiest hour's first instant and its offered load, in erlangs without a cache."""
    start, window = float(workload.arrivals[0]), min(HOUR_S, span_s(workload))
    if window <= 0:
        return start, float(workload.uncached_service_s().sum())
    hour = ((workload.arrivals - start) // window).astype(np.int64)
    load = np.bincount(hour, weights=workload.uncached_service_s()) / window
    return start + float(load.argmax()) * window, float(load.max())


def _from_peak(trace: Trace) -> Trace:
    """Return the trace from the hour with most requests on, beginning at instant 0."""
    instants = np.array([request.arrival_s for request in trace.requests])
    hour = ((instants - instants[0]) // HOUR_S).astype(np.int64)
    first = int(np.argmax(hour == np.bincount(hour).argmax()))
    start = instants[first]
    return dataclasses.replace(
        trace,
        requests=tuple(
            msgspec.structs.replace(request, arrival_s=request.arrival_s - start)
            for request in trace.requests[first:]
        ),
        embeddings=None if trace.embeddings is None else trace.embeddings[first:],
    )


def _slowed(workload: Workload, factor: float) -> Workload:
    """Return the workload with every computed stage ``factor`` times as long."""
    names = ("text_encode", "embed", "spread", "vae_decode", "video_encode")
    return dataclasses.replace(
        workload, **{name: getattr(workload, name) * factor for name in names}
    )
