"""Identical requests that come while one of them is computed cost no GPU time of their own."""

import msgspec
import numpy as np
import pytest

from chorus_policies.journal import Journal
from chorus_sim.experiment import prepare
from chorus_sim.runs import run_policy
from chorus_sim.scenario import CacheSection, FleetSection, Scenario
from chorus_traces.request import Request
from chorus_traces.trace import Trace

NEVER = """
import msgspec


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Never:
    def __init__(self, config, setting):
        pass

    def admit(self, candidate, victim, now):
        return False
"""


def burst(count: int, *, seed: int | None = 7) -> Trace:
    requests = tuple(
        Request(id=f"r{n}", arrival_s=float(n), prompt="a fox", seed=seed) for n in range(count)
    )
    vectors = np.tile(np.eye(8, dtype=np.float32)[0], (count, 1))
    return Trace(name="burst", requests=requests, embeddings=vectors, embedder="test")


def run(trace: Trace, *, gpus: int = 2, policy: str = "lru", capacity: str = "64GiB"):
    scenario = Scenario(
        policy=policy, fleet=FleetSection(gpus=gpus), cache=CacheSection(capacity=capacity)
    )
    journal = Journal()
    return run_policy(prepare(scenario, trace), journal), journal


def test_they_wait_for_the_first_and_copy_it() -> None:
    done, journal = run(burst(5))
    served = done.served
    assert served.kinds() == ["fresh", "copy", "copy", "copy", "copy"]
    assert all(start == pytest.approx(served.finish[0], abs=60.0) for start in served.start[1:])
    assert all(start >= served.finish[0] for start in served.start[1:])
    assert served.worker[1:] == [-1] * 4
    assert sum(row.call == "lookup" for row in journal.rows) == 1


def test_requests_without_a_seed_are_made_each_on_its_own() -> None:
    done, _ = run(burst(3, seed=None))
    assert "copy" not in done.served.kinds()


@pytest.fixture
def refuses(tmp_path) -> str:
    """Return a policy that keeps nothing."""
    policy = tmp_path / "refuses.toml"
    policy.write_text('base = "lru"\n[admission]\nkind = "./refuses.py:Never"\n', encoding="utf-8")
    (tmp_path / "refuses.py").write_text(NEVER, encoding="utf-8")
    return str(policy)


def test_they_are_computed_when_the_first_is_not_kept(refuses) -> None:
    done, journal = run(burst(4), policy=refuses)
    served = done.served
    assert served.kinds() == ["fresh"] * 4
    assert served.start[1] >= served.finish[0]
    assert {row.answer for row in journal.rows if row.call == "store"} == {"refused by admission"}


@pytest.mark.parametrize("gpus", [1, 2])
def test_they_are_computed_in_the_order_they_came_in(refuses, gpus) -> None:
    done, _ = run(burst(5), policy=refuses, gpus=gpus)
    assert done.served.kinds() == ["fresh"] * 5
    assert done.served.start == sorted(done.served.start)


def test_who_waited_for_a_run_goes_before_who_came_before_and_waits_for_a_worker(refuses) -> None:
    requests = tuple(
        Request(id=f"r{n}", arrival_s=float(n), prompt="a fox", seed=seed)
        for n, seed in enumerate((7, 8, 7))
    )
    vectors = np.tile(np.eye(8, dtype=np.float32)[0], (3, 1))
    trace = Trace(name="three", requests=requests, embeddings=vectors, embedder="test")
    done, _ = run(trace, policy=refuses, gpus=1)
    first, other, again = done.served.start
    assert first < again < other


def test_a_queued_twin_waits_too_instead_of_taking_a_worker() -> None:
    requests = (
        Request(id="a", arrival_s=0.0, prompt="a fox", seed=7),
        Request(id="x", arrival_s=1.0, prompt="a harbour", seed=8),
        Request(id="b", arrival_s=2.0, prompt="a fox", seed=7),
    )
    vectors = np.eye(8, dtype=np.float32)[[0, 1, 0]]
    trace = Trace(name="three", requests=requests, embeddings=vectors, embedder="test")
    done, _ = run(trace, gpus=1)
    assert done.served.kinds() == ["fresh", "fresh", "copy"]
    assert done.served.start[2] < done.served.finish[1]


def test_a_policy_that_shares_runs_in_flight_serves_the_next_request_earlier(tmp_path) -> None:
    policy = tmp_path / "shares.toml"
    policy.write_text('base = "lru"\n[entry]\nin_flight = true\n', encoding="utf-8")
    requests = tuple(
        Request(id=f"r{n}", arrival_s=arrival, prompt="a fox")
        for n, arrival in enumerate((0.0, 65.0))
    )
    vectors = np.tile(np.eye(8, dtype=np.float32)[0], (2, 1))
    trace = Trace(name="two", requests=requests, embeddings=vectors, embedder="test")
    alone, _ = run(trace)
    assert alone.served.finish[0] > 65.0
    shared, journal = run(trace, policy=str(policy))
    assert alone.served.kinds() == ["fresh", "fresh"]
    assert shared.served.kinds() == ["fresh", "regional"]
    # Sharing changes who can be served, not how long the first takes.
    assert shared.served.finish[0] == pytest.approx(alone.served.finish[0], rel=1e-12)
    published = [row.now_s for row in journal.rows if row.call == "publish"]
    assert len(published) == 2
    assert published[0] < shared.served.finish[0]
    assert msgspec.structs.asdict(shared)["evictions"] == 0
