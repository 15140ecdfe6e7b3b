"""Carry a study out: every growth factor, then the one-off questions at the base.

Parts are independent, so they run in as many processes as allowed; the result does not depend on
how many.
"""

from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import msgspec

from chorus_sim.plan.growth import Growth, size_growth
from chorus_sim.plan.isolation import Isolation, isolation
from chorus_sim.plan.sensitivity import PRICED, SIMULATED, Swing, priced_swing, simulated_swing
from chorus_sim.plan.study import Study

Progress = Callable[[str, int, int], None]
Task = Callable[[], Any]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All a study found: growth factors in the order asked, the tornado, the price of isolation."""

    growth: tuple[Growth, ...]
    swings: tuple[Swing, ...]
    isolation: Isolation | None


def carry_out(study: Study, jobs: int, progress: Progress) -> Findings:
    """Return the findings of a study, computed in up to ``jobs`` processes."""
    largest = sorted(study.growth, reverse=True)
    sized = _all(
        [partial(size_growth, study, growth) for growth in largest],
        jobs,
        partial(progress, "sizing fleets"),
    )
    growth = tuple(sized[largest.index(factor)] for factor in study.growth)
    base = growth[study.growth.index(study.base)]
    if base.best is None:
        return Findings(growth=growth, swings=(), isolation=None)
    asked = [(name, side) for name in SIMULATED for side in ("low", "high")]
    if not base.cells[base.best].cached:
        asked = [(name, side) for name, side in asked if name != "likeness between users"]
    tasks: list[Task] = [partial(simulated_swing, study, *one, base) for one in asked]
    *swings, apart = _all(
        [*tasks, partial(isolation, study, base)], jobs, partial(progress, "asking what if")
    )
    swings += [priced_swing(study, name, side, base) for name in PRICED for side in ("low", "high")]
    return Findings(growth=growth, swings=tuple(swings), isolation=apart)


def _all(tasks: list[Task], jobs: int, progress: Callable[[int, int], None]) -> list[Any]:
    """Return the tasks' results in order."""
    progress(0, len(tasks))
    if jobs == 1 or len(tasks) == 1:
        results = []
        for task in tasks:
            results.append(task())
            progress(len(results), len(tasks))
        return results
    workers = min(jobs, len(tasks))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(task) for task in tasks]
        done: list[Future[Any]] = []

        def finished(future: Future[Any]) -> None:
            done.append(future)
            progress(len(done), len(tasks))

        for future in running:
            future.add_done_callback(finished)
        try:
            return [future.result() for future in running]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
