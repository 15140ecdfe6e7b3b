"""The prices of a plan: one TOML file, nothing taken for granted.

[prices]
gpu_hour_usd = 3.0
gib_hour_usd = { host = 0.003, disk = 0.0001 }

[power]                  # optional: where the profile states none
gpu_watts = 700.0
idle_watts = 100.0
usd_per_kwh = 0.12       # leave out where the GPU's price includes it
"""

import tomllib
from pathlib import Path

import msgspec

from chorus_sim.scenario import MOST_USD, PricesSection
from chorus_traces.errors import ScenarioError, unknown

#: A plan's prices are never taken for granted: its file states each that it uses.
SOURCE = "given"


class Power(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Watts of one GPU while it computes and while it waits, and what a kWh costs on top."""

    gpu_watts: float
    idle_watts: float = 0.0
    usd_per_kwh: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not 0 <= value <= MOST_USD:
                raise ValueError(f"{name} is {value}; a number from 0 to {MOST_USD:g} is needed")


class PlanPrices(msgspec.Struct, frozen=True, kw_only=True):
    """What a GPU-hour, a GiB-hour of each tier and, where stated, power cost."""

    prices: PricesSection
    power: Power | None = None


def read_prices(path: Path, tiers: list[str]) -> PlanPrices:
    """Return the prices in ``path``, which must price the GPU and every tier in ``tiers``.

    Raises ``ScenarioError`` in one line on anything missing, unknown, negative or unreadable.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(
            f"--prices {path}: cannot be read ({error.strerror}); write [prices] gpu_hour_usd and "
            "gib_hour_usd into it"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"--prices {path}: not valid TOML: {error}") from error
    for name in table:
        if name not in ("prices", "power"):
            raise ScenarioError(f"--prices {path}: {unknown('section', name, ['prices', 'power'])}")
    stated = table.get("prices", {})
    missing = [] if "gpu_hour_usd" in stated else ["gpu_hour_usd"]
    memory = stated.get("gib_hour_usd", {})
    if isinstance(memory, dict):
        missing += [f"gib_hour_usd.{tier}" for tier in tiers if tier not in memory]
    if missing:
        raise ScenarioError(
            f"--prices {path}: [prices] states no {' and no '.join(missing)}; a plan needs them"
        )
    try:
        return PlanPrices(
            prices=msgspec.convert(stated, PricesSection),
            power=msgspec.convert(table["power"], Power) if "power" in table else None,
        )
    except msgspec.ValidationError as error:
        raise ScenarioError(f"--prices {path}: {error}") from error
