import importlib
import importlib.util
from pathlib import Path

import pytest
from command_line import Answer, chorus_sim

from chorus_sim.plan.capacity import parse_capacities
from chorus_sim.plan.goal import parse_goal
from chorus_sim.plan.prices import PlanPrices
from chorus_sim.plan.study import Study
from chorus_sim.plan.traffic import Traffic
from chorus_sim.scenario import PricesSection, Scenario
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.slice import slice_requests
from chorus_traces.trace import Trace
from chorus_traces.write import write_trace

if importlib.util.find_spec("numba"):
    # Machine code is then kept where the user's is, not compiled anew in every test's own folder.
    importlib.import_module("chorus_sim.compiled.jit")

PRICES = "[prices]\ngpu_hour_usd = 3.0\ngib_hour_usd = { host = 0.003, disk = 0.0001 }\n"


def part_of(first: int, count: int) -> Trace:
    """Return ``count`` requests of the sample from number ``first`` on, beginning at 0."""
    return slice_requests(read_trace(sample_path("studio-day")), first, first + count)


def study_on(trace: Trace, slo: str, **changes: object) -> Study:
    """Return a study of ``trace`` with two seeds and two caches."""
    scenario = Scenario()
    goal = parse_goal(slo, changes.pop("attainment", None))
    fields = {
        "traffic": Traffic(scenario=scenario, trace=trace),
        "goal": goal,
        "target_s": goal.target_s(150.0),
        "growth": (1.0,),
        "capacities": parse_capacities("0,8GiB", scenario.cache),
        "prices": PlanPrices(prices=PricesSection()),
        "gpu_limit": None,
        "seeds": 2,
    }
    return Study(**fields | changes)


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "kept"))


@pytest.fixture
def sim(capfd, monkeypatch, tmp_path):
    """Call the command line in a folder with a small trace and prices."""
    monkeypatch.chdir(tmp_path)
    write_trace(part_of(0, 300), tmp_path / "day.jsonl")
    Path("prices.toml").write_text(PRICES)

    def call(*words: object) -> Answer:
        return chorus_sim(capfd, monkeypatch, *words)

    return call
