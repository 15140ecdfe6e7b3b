"""Runs points, one after another, and keeps what they share: trace, workload, graph, baseline."""

from collections.abc import Callable
from importlib.metadata import version

import msgspec

from chorus_sim.experiment import Prepared, assemble, revise
from chorus_sim.predicted_quality import add_quality
from chorus_sim.runs import run_policy, run_uncached, warm_up_cut
from chorus_sim.scenario import Scenario
from chorus_sim.summary import Run, summarise
from chorus_sim.sweep.finished import Finished
from chorus_sim.sweep.metrics import flat
from chorus_sim.sweep.point import Names, Stamp, group_fields, stamp_of, trace_fields
from chorus_traces.errors import ChorusError, EngineError, TraceError
from chorus_traces.trace import Trace

#: Returns the trace of a scenario, with embeddings.
Load = Callable[[Scenario], Trace]

PACKAGE = "chorus-cache"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A point to be computed; ``stamp`` is what its trace must hold."""

    point: str
    scenario: Scenario
    stamp: Stamp


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A point that cannot be computed, and why: one line for the user."""

    point: str
    message: str


class Runner:
    """Computes points in this process; points of one group in a row cost least.

    Raises ``EngineError`` when this process has another version of the package than the sweep.
    """

    def __init__(self, load: Load, names: Names, package_version: str) -> None:
        own = version(PACKAGE)
        if own != package_version:
            raise EngineError(
                f"a worker has {PACKAGE} {own}, the sweep {package_version}; install the same"
            )
        self._load = load
        self._names = names
        self._prepared: Prepared | None = None
        self._trace: tuple[object, ...] = ()
        self._baseline: Run | None = None
        self._group: tuple[object, ...] = ()

    def run(self, job: Job) -> Finished | Refused:
        """Return the numbers of a point, or why there are none."""
        try:
            return self._run(job)
        except ChorusError as error:
            return Refused(point=job.point, message=str(error))

    def _run(self, job: Job) -> Finished:
        prepared = self._prepare(job)
        run = run_policy(prepared)
        _, cut = warm_up_cut(prepared, run)
        prices = job.scenario.prices
        summary = summarise(
            run, self._uncached(prepared), cut=cut, slo_s=prepared.slo_s, prices=prices
        )
        curve = self._names.curves.get(job.scenario.quality)
        if curve is not None:
            add_quality({"policy": summary}, curve, {"policy": run}, prepared, cut)
        row = flat(summary, prices, run)
        return Finished(point=job.point, row=row, cpu_s=run.cpu_s)

    def _prepare(self, job: Job) -> Prepared:
        scenario = job.scenario
        policy = self._names.policies[scenario.policy]
        book = self._names.books[scenario.profile]
        fields = trace_fields(scenario)
        if self._prepared is None or fields != self._trace:
            self._prepared = None
            trace = self._load(scenario)
            if (found := stamp_of(trace)) != job.stamp:
                raise TraceError(
                    f"{trace.name}: changed while the sweep ran (sha256 was "
                    f"{job.stamp.sha256[:12]}, is {found.sha256[:12]}); put it back"
                )
            self._prepared = assemble(scenario, trace, policy, book)
            self._trace = fields
        else:
            self._prepared = revise(self._prepared, scenario, policy, book)
        return self._prepared

    def _uncached(self, prepared: Prepared) -> Run:
        """Return the run without a cache, which all points of a group share."""
        group = group_fields(prepared.scenario)
        if self._baseline is None or group != self._group:
            self._baseline = run_uncached(prepared)
            self._group = group
        return self._baseline
