"""Growth: all caches at one growth factor, and the cheapest of them."""

from collections.abc import Callable

import msgspec

from chorus_sim.experiment import Prepared
from chorus_sim.fleet import auto_gpus
from chorus_sim.plan.binding import what_binds
from chorus_sim.plan.capacity import Capacity
from chorus_sim.plan.cell import Cell, Sizing, most_gpus, size
from chorus_sim.plan.formula import Formula, queueing_formula
from chorus_sim.plan.money import monthly, videos_per_month
from chorus_sim.plan.point import Bench, simulated_source
from chorus_sim.plan.resilience import ColdRestart, OneLost, cold_restart, one_lost
from chorus_sim.plan.study import Study, with_cache
from chorus_sim.plan.traffic import Setting, busiest_hour, span_s
from chorus_traces.errors import ScenarioError
from chorus_traces.what_if import preloaded_requests


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """One growth factor. ``best`` and ``runner_up`` are places in ``cells``, or ``None``."""

    growth: float
    requests: int
    videos_per_month: float
    mean_load_erlangs: float
    peak_load_erlangs: float
    cells: tuple[Cell, ...]
    best: int | None
    runner_up: int | None
    cache_worth_usd: float | None
    one_lost: OneLost | None
    cold_restart: ColdRestart | None
    formula: Formula


def size_growth(study: Study, growth: float) -> Growth:
    """Size every cache at one growth factor."""
    stage = study.stage(Setting(growth=growth))
    first = stage(study.traffic.scenario.run.seed)
    measured = len(first.workload) - preloaded_requests(first.trace)
    videos = videos_per_month(measured, _span(first))
    guess, most = auto_gpus(first.workload), most_gpus(first.workload)
    cells, benches = [], []
    for capacity in study.capacities:
        bench = study.bench(stage, capacity)
        sizing = size(bench, guess, most)
        guess = guess if sizing.gpus is None else sizing.gpus
        cells.append(_cell(study, growth, capacity, bench, sizing, videos, stage))
        benches.append(bench)
    order = by_cost(tuple(cells))
    best = order[0] if order else None
    mean = float(first.workload.uncached_service_s().sum()) / _span(first)
    return Growth(
        growth=growth,
        requests=len(first.workload),
        videos_per_month=videos,
        mean_load_erlangs=mean,
        peak_load_erlangs=max(mean, busiest_hour(first.workload)[1]),
        cells=tuple(cells),
        best=best,
        runner_up=order[1] if len(order) > 1 else None,
        cache_worth_usd=cache_worth(tuple(cells), best),
        one_lost=None if best is None else one_lost(cells[best], benches[best]),
        cold_restart=None if best is None else cold_restart(study, cells[best], benches[best]),
        formula=queueing_formula(first.workload, study.goal, study.target_s),
    )


def by_cost(cells: tuple[Cell, ...]) -> list[int]:
    """Return the places of feasible cells, the cheapest first."""
    costs = [(cell.cost.usd, place) for place, cell in enumerate(cells) if cell.cost is not None]
    return [place for _, place in sorted(costs)]


def cache_worth(cells: tuple[Cell, ...], best: int | None) -> float | None:
    """Return what the best cell saves a month against no cache, where both are feasible."""
    without = next((cell.cost for cell in cells if not cell.cached), None)
    if best is None or without is None:
        return None
    chosen = cells[best].cost
    return None if chosen is None else without.usd - chosen.usd


def _span(prepared: Prepared) -> float:
    seconds = span_s(prepared.workload)
    if seconds <= 0:
        raise ScenarioError(
            f"{prepared.trace.name}: all requests arrive at one instant; a plan needs a trace "
            "that spans some time"
        )
    return seconds


def _cell(
    study: Study,
    growth: float,
    capacity: Capacity,
    bench: Bench,
    sizing: Sizing,
    videos: float,
    stage: Callable[[int], Prepared],
) -> Cell:
    limit = study.gpu_limit

    def everything(seed: int) -> Prepared:
        cache = capacity.cache or study.traffic.scenario.cache
        whole = msgspec.structs.replace(cache, capacity="100%")
        return with_cache(stage, whole)(seed)

    feasible = sizing.gpus is not None and (limit is None or sizing.gpus <= limit)
    return Cell(
        growth=growth,
        capacity=capacity.text,
        cached=bench.cached,
        feasible=feasible,
        sizing=sizing,
        cost=monthly(sizing.gpus, sizing.figures, study.prices, videos)
        if feasible and sizing.gpus is not None
        else None,
        binds=what_binds(bench, sizing, limit, everything),
        source=simulated_source(bench.prepared(bench.seeds[0])),
    )
