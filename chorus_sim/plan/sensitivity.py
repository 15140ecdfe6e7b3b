"""Sensitivity: what a fifth more or less of each assumption does to GPUs and monthly cost.

Service time, traffic and the prompts' likeness are simulated again, on the recommended cache.
Prices are not: they choose anew among the cells of the plan. Likeness is moved by the what-ifs
``private-prompts`` (a fifth of the users have ideas nobody shares) and ``shared-prompts`` (a fifth
of the sessions ask what another user asked).
"""

import msgspec

from chorus_sim.plan.capacity import Capacity
from chorus_sim.plan.cell import Cell, most_gpus, size
from chorus_sim.plan.growth import Growth, by_cost
from chorus_sim.plan.money import Cost, monthly, videos_per_month
from chorus_sim.plan.prices import PlanPrices
from chorus_sim.plan.study import Study
from chorus_sim.plan.traffic import Setting, span_s
from chorus_traces.what_if import preloaded_requests

#: How far each assumption is moved.
SWING = 0.2

#: What is simulated again: name, and the factor or the what-if of the low and the high side.
SIMULATED = ("service time", "arrival rate", "likeness between users")
PRICED = ("price of a GPU", "price of memory")


class Swing(msgspec.Struct, frozen=True, kw_only=True):
    """One side of one assumption: its label, and what becomes of the recommendation.

    ``usd`` and ``gpus`` are ``None`` where the goal is then out of reach; ``change_usd`` is per
    month against the recommendation.
    """

    name: str
    side: str
    capacity: str
    gpus: int | None
    usd: float | None
    change_usd: float | None
    source: str


def simulated_swing(study: Study, name: str, side: str, growth: Growth) -> Swing:
    """Return one side of an assumption that is simulated again; ``growth`` has a best cell."""
    setting, label = _setting(name, side, growth.growth)
    chosen = _best(growth)
    capacity = next(one for one in study.capacities if one.text == chosen.capacity)
    gpus, cost = resized(study, setting, capacity, chosen.sizing.gpus or 1)
    return _swing(name, label, chosen.capacity, gpus, cost, growth)


def resized(
    study: Study, setting: Setting, capacity: Capacity, guess: int
) -> tuple[int | None, Cost | None]:
    """Return the fewest GPUs and their cost for one cache under another setting."""
    stage = study.stage(setting)
    first = stage(study.traffic.scenario.run.seed)
    sizing = size(study.bench(stage, capacity), guess, most_gpus(first.workload))
    if sizing.gpus is None or (study.gpu_limit is not None and sizing.gpus > study.gpu_limit):
        return sizing.gpus, None
    measured = len(first.workload) - preloaded_requests(first.trace)
    videos = videos_per_month(measured, span_s(first.workload))
    return sizing.gpus, monthly(sizing.gpus, sizing.figures, study.prices, videos)


def priced_swing(study: Study, name: str, side: str, growth: Growth) -> Swing:
    """Return one side of a price: the cheapest of the plan's cells under it."""
    factor = 1 + SWING if side == "high" else 1 - SWING
    section = study.prices.prices
    if name == "price of a GPU":
        section = msgspec.structs.replace(section, gpu_hour_usd=section.gpu_hour_usd * factor)
    else:
        memory = {tier: price * factor for tier, price in section.gib_hour_usd.items()}
        section = msgspec.structs.replace(section, gib_hour_usd=memory)
    prices = PlanPrices(prices=section, power=study.prices.power)
    cells = tuple(
        msgspec.structs.replace(
            cell,
            cost=monthly(cell.sizing.gpus, cell.sizing.figures, prices, growth.videos_per_month),
        )
        if cell.cost is not None and cell.sizing.gpus is not None
        else cell
        for cell in growth.cells
    )
    cell = cells[by_cost(cells)[0]]
    label = f"{factor - 1:+.0%}"
    return _swing(name, label, cell.capacity, cell.sizing.gpus, cell.cost, growth)


def _setting(name: str, side: str, growth: float) -> tuple[Setting, str]:
    factor = 1 + SWING if side == "high" else 1 - SWING
    label = f"{factor - 1:+.0%}"
    if name == "service time":
        return Setting(growth=growth, service=factor), label
    if name == "arrival rate":
        return Setting(growth=growth * factor), label
    kind = "shared-prompts" if side == "high" else "private-prompts"
    return Setting(growth=growth, what_if=f"{kind}={SWING}"), f"{kind}={SWING}"


def _best(growth: Growth) -> Cell:
    if growth.best is None:
        raise ValueError("sensitivity is asked of a growth factor with a recommendation")
    return growth.cells[growth.best]


def _swing(
    name: str, label: str, capacity: str, gpus: int | None, cost: Cost | None, growth: Growth
) -> Swing:
    before = _best(growth).cost
    return Swing(
        name=name,
        side=label,
        capacity=capacity,
        gpus=gpus,
        usd=None if cost is None else cost.usd,
        change_usd=None if cost is None or before is None else cost.usd - before.usd,
        source="assumed",
    )
