"""Isolation: what it costs that tenants reuse nothing of each other."""

import msgspec

from chorus_sim.plan.growth import Growth
from chorus_sim.plan.sensitivity import resized
from chorus_sim.plan.study import Study
from chorus_sim.plan.traffic import Setting


class Isolation(msgspec.Struct, frozen=True, kw_only=True):
    """The recommended cache with tenants apart and together; ``None`` where out of reach.

    ``cost_usd`` is what keeping them apart costs a month.
    """

    tenants: int
    separate_gpus: int | None
    shared_gpus: int | None
    separate_usd: float | None
    shared_usd: float | None
    cost_usd: float | None
    chosen: str
    source: str = "assumed"


def isolation(study: Study, growth: Growth) -> Isolation | None:
    """Return the price of isolation, or ``None`` with one tenant or without a cache."""
    tenants = {request.tenant for request in study.traffic.trace.requests}
    cell = None if growth.best is None else growth.cells[growth.best]
    if cell is None or cell.cost is None or not cell.cached or len(tenants) < 2:
        return None
    chosen = study.traffic.scenario.deployment.tenants
    other = "shared" if chosen == "separate" else "separate"
    capacity = next(one for one in study.capacities if one.text == cell.capacity)
    gpus, cost = resized(
        study, Setting(growth=growth.growth, tenants=other), capacity, cell.sizing.gpus or 1
    )
    count = {chosen: cell.sizing.gpus, other: gpus}
    usd = {chosen: cell.cost.usd, other: None if cost is None else cost.usd}
    apart, together = usd["separate"], usd["shared"]
    return Isolation(
        tenants=len(tenants),
        separate_gpus=count["separate"],
        shared_gpus=count["shared"],
        separate_usd=apart,
        shared_usd=together,
        cost_usd=None if apart is None or together is None else apart - together,
        chosen=chosen,
    )
