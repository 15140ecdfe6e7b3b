"""What a search aims at: one number of a run each, on the trials and, with an interval, after."""

from collections.abc import Callable

import msgspec
import numpy as np

from chorus_sim.bootstrap import FloatArray, IntArray, block_draws, block_edges, block_sums
from chorus_sim.scenario import PricesSection
from chorus_sim.summary import Run
from chorus_traces.errors import ScenarioError, unknown

_GIB = 2**30


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """A run beside the one without a cache, requests from ``cut`` on; arrays in arrival order.

    ``acceptable`` is the predicted chance that each request's clip shows what it should; empty
    where no curve predicts it.
    """

    run: Run
    baseline: Run
    cut: int
    prices: PricesSection
    acceptable: FloatArray

    def saved_s(self) -> FloatArray:
        """Return the GPU-seconds each request saves."""
        saved: FloatArray = self.used_s() - np.array(self.run.served.held)[self.cut :]
        return saved

    def used_s(self) -> FloatArray:
        """Return the GPU-seconds each request takes without a cache."""
        used: FloatArray = np.array(self.baseline.served.held)[self.cut :]
        return used

    def responses(self) -> FloatArray:
        """Return the response times, seconds."""
        return self.run.responses()[self.cut :]

    def memory_usd(self) -> FloatArray:
        """Return what memory costs over each block of requests, at the run's mean capacity."""
        arrival = np.array(self.run.served.arrival)[self.cut :]
        edges = block_edges(len(arrival))
        ends = np.append(arrival[edges[1:-1]], max(self.run.served.finish[self.cut :]))
        spans = ends - arrival[edges[:-1]]
        rate = sum(
            (tier.mean_capacity_bytes or 0.0)
            / _GIB
            / 3600
            * self.prices.gib_hour_usd.get(tier.name, 0.0)
            for tier in self.run.tiers
        )
        cost: FloatArray = spans * rate
        return cost


def _net_value(seen: Observed, draws: IntArray) -> FloatArray:
    gpu = block_sums(seen.saved_s()) / 3600 * seen.prices.gpu_hour_usd
    requests = block_sums(np.ones(len(seen.used_s())))
    net: FloatArray = (gpu - seen.memory_usd())[draws].sum(axis=1) * 1000
    value: FloatArray = net / requests[draws].sum(axis=1)
    return value


def _saved(seen: Observed, draws: IntArray) -> FloatArray:
    saved = block_sums(seen.saved_s())[draws].sum(axis=1)
    share: FloatArray = saved / block_sums(seen.used_s())[draws].sum(axis=1)
    return share


def _quality(seen: Observed, draws: IntArray) -> FloatArray:
    acceptable = seen.acceptable[seen.cut :]
    good = block_sums(acceptable)[draws].sum(axis=1)
    share: FloatArray = good / block_sums(np.ones(len(acceptable)))[draws].sum(axis=1)
    return share


def _p95(seen: Observed, draws: IntArray) -> FloatArray:
    responses = seen.responses()
    blocks = np.split(responses, block_edges(len(responses))[1:-1])
    return np.array(
        [np.percentile(np.concatenate([blocks[block] for block in draw]), 95) for draw in draws]
    )


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """A name and what it means, the text of a value, which way is better, the value over blocks."""

    name: str
    meaning: str
    text: str
    maximised: bool
    drawn: Callable[[Observed, IntArray], FloatArray]

    def of(self, seen: Observed) -> float:
        """Return the value over all requests."""
        blocks = len(block_edges(len(seen.used_s()))) - 1
        return float(self.drawn(seen, np.arange(blocks)[None, :])[0])

    def gain(self, base: Observed, found: Observed) -> FloatArray:
        """Return bootstrap values of how much better ``found`` is than ``base``, above 0 better.

        Both are over the same requests and see the same draws of blocks.
        """
        draws = block_draws(len(base.used_s()))
        gain = self.drawn(found, draws) - self.drawn(base, draws)
        return gain if self.maximised else -gain

    def shown(self, value: float) -> str:
        """Return a value with its unit."""
        return ("-" if value < 0 else "") + self.text.format(abs(value))


OBJECTIVES: dict[str, Objective] = {
    "net_value": Objective(
        name="net_value",
        meaning="net_value: dollars of GPU time saved less memory, per 1,000 requests",
        text="${:.2f}",
        maximised=True,
        drawn=_net_value,
    ),
    "p95": Objective(
        name="p95",
        meaning="p95: 95th percentile of the response time",
        text="{:.2f} s",
        maximised=False,
        drawn=_p95,
    ),
    "quality": Objective(
        name="quality",
        meaning="quality: predicted share of acceptable clips, unknown ones counted as not",
        text="{:.2%}",
        maximised=True,
        drawn=_quality,
    ),
    "saved": Objective(
        name="saved",
        meaning="saved: share of GPU time saved",
        text="{:.2%}",
        maximised=True,
        drawn=_saved,
    ),
}


def parse_objectives(text: str) -> tuple[Objective, ...]:
    """Return the objectives in ``net_value,p95``. Raises ``ScenarioError`` on unknown ones."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in OBJECTIVES:
            raise ScenarioError(f"--objective: {unknown('objective', name, OBJECTIVES)}")
    if len(set(names)) < len(names):
        raise ScenarioError(f"--objective {text}: an objective is named twice; name each once")
    return tuple(OBJECTIVES[name] for name in names)


def values_of(objectives: tuple[Objective, ...], seen: Observed) -> list[float]:
    """Return the value of each objective."""
    return [objective.of(seen) for objective in objectives]
