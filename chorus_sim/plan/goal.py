"""The goal: what response times must be like, and when an estimate reaches it."""

import math
from typing import Literal, get_args

import msgspec

from chorus_sim.quantities import slo_seconds
from chorus_traces.errors import ScenarioError

Metric = Literal["mean", "p50", "p90", "p95", "p99"]


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """``metric`` of the response times must be at most ``target``; ``attainment`` of them too.

    ``target`` is a time (30s) or a multiple of the mean uncached service time (2x). ``attainment``
    is the share of requests that must be answered within the same target; 0 asks for none.
    """

    metric: Metric
    target: str
    attainment: float = 0.0

    @property
    def text(self) -> str:
        """The goal in words."""
        words = f"{self.metric} response time <= {self.target}"
        return words + (f", {self.attainment:.1%} within it" if self.attainment else "")

    def target_s(self, mean_service_s: float) -> float:
        """Return the target in seconds."""
        return slo_seconds(self.target, mean_service_s=mean_service_s)


def parse_goal(text: str, attainment: float | None = None) -> Goal:
    """Return the goal "p95=30s", or "mean=2x". Raises ``ScenarioError`` in one line."""
    name, _, target = (piece.strip() for piece in text.partition("="))
    known: tuple[Metric, ...] = get_args(Metric)
    metric = next((one for one in known if one == name), None)
    if metric is None or not target:
        raise ScenarioError(
            f"--slo {text!r}: METRIC=TIME is needed, like p95=30s; metrics: {', '.join(known)}"
        )
    try:
        slo_seconds(target, mean_service_s=1.0)
    except ValueError as error:
        raise ScenarioError(f"--slo {text!r}: {error}") from error
    if attainment is not None and not (math.isfinite(attainment) and 0 < attainment < 1):
        raise ScenarioError(
            f"--attainment {attainment:g}: a share above 0 and below 1 is needed, like 0.95"
        )
    return Goal(metric=metric, target=target, attainment=attainment or 0.0)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs of one point say about the goal, with 95 % intervals; times in seconds.

    ``seeds`` is how many runs it rests on. A point that misses by far is given up after one run;
    then the intervals are ``None``.
    """

    value_s: float
    interval_s: tuple[float, float] | None
    attainment: float
    attainment_interval: tuple[float, float] | None
    seeds: int

    def meets(self, goal: Goal, target_s: float) -> bool:
        """Tell whether the unfavourable ends of the intervals reach the goal."""
        if self.interval_s is None or self.attainment_interval is None:
            return False
        return self.interval_s[1] <= target_s and self.attainment_interval[0] >= goal.attainment

    def may_meet(self, goal: Goal, target_s: float) -> bool:
        """Tell whether the favourable ends of the intervals reach the goal."""
        if self.interval_s is None or self.attainment_interval is None:
            return False
        return self.interval_s[0] <= target_s and self.attainment_interval[1] >= goal.attainment
