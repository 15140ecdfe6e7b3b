"""The traces of a sweep: read one after another, hashed, and tried on the points they serve."""

from typing import Any

from chorus_sim.experiment import Prepared, Progress, assemble, revise
from chorus_sim.sweep.grid import Axis
from chorus_sim.sweep.point import Names, Point, Stamp, described, stamp_of, trace_fields
from chorus_sim.sweep.runner import Load
from chorus_traces.errors import ChorusError, ScenarioError
from chorus_traces.trace import Trace

#: What a trace is made from, which tells traces apart.
Fields = tuple[object, ...]


class Traces:
    """Reads the traces of ``points``; keeps the last one, or with ``keep`` all of them."""

    def __init__(self, points: list[Point], read: Load, *, keep: bool) -> None:
        self._read = read
        self._keep = keep
        self.points: dict[Fields, list[Point]] = {}
        for point in points:
            self.points.setdefault(trace_fields(point.scenario), []).append(point)
        self.kept: dict[Fields, Trace] = {}

    def __call__(self, scenario: Any) -> Trace:
        """Return the trace of a scenario."""
        fields = trace_fields(scenario)
        if fields not in self.kept:
            if not self._keep:
                self.kept.clear()
            self.kept[fields] = self._read(scenario)
        return self.kept[fields]

    def stamps(self) -> dict[Fields, Stamp]:
        """Return the hashes of every trace."""
        return {
            fields: stamp_of(self(points[0].scenario)) for fields, points in self.points.items()
        }


def try_points(traces: Traces, axes: tuple[Axis, ...], names: Names, progress: Progress) -> None:
    """Prepare every point that differs from others in more than fleet, prices or seed.

    So a capacity below one entry is refused before hours of work, and the graphs that all workers
    share are built once. Raises ``ScenarioError`` naming the point.
    """
    for points in traces.points.values():
        prepared: Prepared | None = None
        tried = set()
        for point in points:
            scenario = point.scenario
            parts = (scenario.profile, scenario.workload, scenario.deployment, scenario.policy)
            differs = (*parts, scenario.cache, scenario.run.warm_up)
            if differs in tried:
                continue
            tried.add(differs)
            policy, book = names.policies[scenario.policy], names.books[scenario.profile]
            try:
                if prepared is None:
                    prepared = assemble(scenario, traces(scenario), policy, book, progress)
                else:
                    prepared = revise(prepared, scenario, policy, book)
            except ChorusError as error:
                where = described(axes, point.values)
                raise ScenarioError(f"point {where}: {error}") from error
