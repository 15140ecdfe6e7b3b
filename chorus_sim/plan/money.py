"""Money: what a fleet and its cache cost in a month of the trace's mean day.

The fleet is paid for every hour, busy or idle; so is the memory. A month has 30 days.
"""

import msgspec

from chorus_sim.plan.point import Figures
from chorus_sim.plan.prices import SOURCE, PlanPrices, Power

MONTH_H = 30 * 24.0
_DAY_S = 24 * 3600.0


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars and kWh of one month; ``kwh`` is ``None`` where nobody states watts.

    ``source`` is that of the prices.
    """

    gpu_usd: float
    memory_usd: float
    power_usd: float
    usd: float
    usd_per_video: float
    videos: float
    kwh: float | None
    kwh_per_video: float | None
    source: str = SOURCE


def videos_per_month(requests: int, span_s: float) -> float:
    """Return how many videos 30 of the trace's mean days ask for."""
    return requests / span_s * _DAY_S * 30


def monthly(gpus: int, figures: Figures, prices: PlanPrices, videos: float) -> Cost:
    """Return the cost of ``gpus`` GPUs that do what ``figures`` says."""
    gpu = gpus * MONTH_H * prices.prices.gpu_hour_usd
    memory = sum(
        gib * MONTH_H * prices.prices.gib_hour_usd.get(tier, 0.0)
        for tier, gib in figures.held_gib.items()
    )
    kwh = None if prices.power is None else _kwh(gpus, figures.utilisation, prices.power)
    power = 0.0 if prices.power is None or kwh is None else kwh * prices.power.usd_per_kwh
    total = gpu + memory + power
    return Cost(
        gpu_usd=gpu,
        memory_usd=memory,
        power_usd=power,
        usd=total,
        usd_per_video=total / videos,
        videos=videos,
        kwh=kwh,
        kwh_per_video=None if kwh is None else kwh / videos,
    )


def _kwh(gpus: int, utilisation: float, power: Power) -> float:
    watts = power.idle_watts + utilisation * (power.gpu_watts - power.idle_watts)
    return gpus * watts * MONTH_H / 1000
