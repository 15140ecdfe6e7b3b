"""A sweep: the points of a grid, those that are missing computed, all of them in one result set."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from chorus_sim.experiment import Progress
from chorus_sim.scenario import Scenario
from chorus_sim.sweep.finished import Finished, FinishedFile
from chorus_sim.sweep.folder import begin, begun, locked
from chorus_sim.sweep.grid import Axis, parse_grid
from chorus_sim.sweep.point import (
    Names,
    Point,
    base_of,
    described,
    group_fields,
    names_of,
    point_id,
    points_of,
    trace_fields,
)
from chorus_sim.sweep.results import write_results
from chorus_sim.sweep.runner import PACKAGE, Job, Load
from chorus_sim.sweep.schedule import compute
from chorus_sim.sweep.study import study_of
from chorus_sim.sweep.traces import Traces, try_points
from chorus_sim.sweep.workers import Here, Worker, processes
from chorus_traces.errors import ScenarioError


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: the grid, its points, and what they name, all checked; no trace is read."""

    grid: str
    axes: tuple[Axis, ...]
    base: Scenario
    points: list[Point]
    names: Names


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """Who computes: at most ``jobs`` processes here, or actors of the Ray cluster ``ray`` if any.

    There ``jobs`` 0 takes every CPU.
    ``read`` loads a trace in this process; ``load`` does in another one, so it can be pickled.
    """

    jobs: int
    read: Load
    load: Load
    ray: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A finished sweep: its result set, and the points found finished, or damaged, before it.

    ``prices`` says where those are from, as ``PricesSection.source`` does.
    """

    table: pa.Table
    axes: tuple[Axis, ...]
    found: int
    damaged: int
    prices: str

    def engines(self) -> list[str]:
        """Return in a line each which engine carried out how many points, and why that one."""
        counted = self.table.group_by(["engine", "engine_note"]).aggregate([([], "count_all")])
        lines = []
        for row in counted.sort_by([("count_all", "descending")]).to_pylist():
            why = f" ({row['engine_note']})" if row["engine_note"] else ""
            lines.append(f"engine: {row['engine']} for {row['count_all']:,} points{why}")
        return lines


def question(path: Path | None, stated: dict[str, Any], grid: str) -> Question:
    """Return the points of ``grid`` over a scenario file and stated fields.

    Raises ``ChorusError`` on anything in the grid, the scenario or their names that cannot be used.
    """
    axes = parse_grid(grid)
    points = points_of(path, stated, axes)
    base = base_of(path, stated)
    return Question(grid=grid, axes=axes, base=base, points=points, names=names_of(points))


def sweep(asked: Question, folder: Path, crew: Crew, progress: Progress) -> Answer:
    """Compute the points that ``folder`` lacks, and write its result set.

    A kill loses the points at work alone. Raises ``ScenarioError`` when another sweep is at work
    in the folder or it holds another study, and naming a point that cannot be computed; what was
    finished stays.
    """
    resumed = begun(folder)
    with ExitStack() as stack:
        if crew.ray:
            from chorus_sim.sweep.ray_cluster import cluster

            room = stack.enter_context(cluster(crew.ray, crew.jobs))
            crew = msgspec.structs.replace(crew, jobs=room)
        traces = Traces(asked.points, crew.read, keep=bool(crew.ray))
        if not resumed:
            try_points(traces, asked.axes, asked.names, progress)
        stamps = traces.stamps()
        stack.enter_context(locked(folder))
        study = study_of(asked.grid, asked.axes, asked.base, [*stamps.values()], asked.names)
        begin(folder, study)
        finished = stack.enter_context(FinishedFile(folder / "finished.log"))
        jobs = []
        for point in asked.points:
            stamp = stamps[trace_fields(point.scenario)]
            name = point_id(point.scenario, stamp, asked.names, version(PACKAGE))
            jobs.append(Job(point=name, scenario=point.scenario, stamp=stamp))
        found = _complete(asked, jobs, finished, crew, traces, progress)
        rows = [finished.points[job.point] for job in jobs]
        table = write_results(folder, asked.axes, asked.points, rows)
    return Answer(
        table=table,
        axes=asked.axes,
        found=found,
        damaged=finished.damaged,
        prices=study["prices"],
    )


def _complete(
    asked: Question,
    jobs: list[Job],
    finished: FinishedFile,
    crew: Crew,
    traces: Traces,
    progress: Progress,
) -> int:
    """Compute the jobs that are not finished; return how many were."""
    missing = [job for job in jobs if job.point not in finished.points]
    done = found = len(jobs) - len(missing)

    def keep(point: Finished) -> None:
        nonlocal done
        finished.add(point)
        done += 1
        progress("points", done, len(jobs))

    progress("points", done, len(jobs))
    if missing:
        with _hired(crew, len(missing), asked.names, traces) as workers:
            refused = compute(_groups(missing), workers, keep)
        if refused is not None:
            place = [job.point for job in jobs].index(refused.point)
            where = described(asked.axes, asked.points[place].values)
            raise ScenarioError(f"point {where}: {refused.message}")
    return found


@contextmanager
def _hired(crew: Crew, points: int, names: Names, traces: Traces) -> Iterator[list[Worker]]:
    """Yield the workers, never more of them than points."""
    count, own = min(crew.jobs, points), version(PACKAGE)
    if crew.ray:
        from chorus_sim.sweep.ray_cluster import actors, ship

        yield actors(count, ship(traces.kept), names, own)
    elif count == 1:
        yield [Here(traces, names, own)]
    else:
        traces.kept.clear()
        with processes(count, crew.load, names, own) as workers:
            yield workers


def _groups(jobs: list[Job]) -> list[list[Job]]:
    """Return the jobs that share a trace, a workload and a baseline together."""
    groups: dict[object, list[Job]] = {}
    for job in jobs:
        groups.setdefault(group_fields(job.scenario), []).append(job)
    return list(groups.values())
