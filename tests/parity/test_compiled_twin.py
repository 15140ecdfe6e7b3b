"""The compiled engine answers as SimPy does: every donor, plan, start and finish, bit for bit."""

import msgspec
import numpy as np
import pytest

from chorus_policies.costs.profile import write_profile
from chorus_policies.costs.profile_book import load_profile
from chorus_policies.journal import Journal
from chorus_policies.policy import load_policy
from chorus_sim.compiled.supported import KNOWN_FIELDS, unsupported_policy, unsupported_scenario
from chorus_sim.experiment import Prepared, prepare, vary
from chorus_sim.runs import run_policy, run_unbounded, run_uncached
from chorus_sim.scenario import (
    CacheSection,
    FleetSection,
    LowerTier,
    RunSection,
    Scenario,
    WorkloadSection,
)
from chorus_sim.summary import Run, summarise
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.synth import SynthSpec, generate
from chorus_traces.trace import Trace

COLUMNS = (
    "arrival",
    "start",
    "finish",
    "held",
    "worker",
    "load_s",
    "denoise_s",
    "store_s",
    "load_bytes",
    "store_bytes",
)


def scenario(policy: str, capacity: str, gpus: int, engine: str, seed: int = 0) -> Scenario:
    return Scenario(
        policy=policy,
        fleet=FleetSection(gpus=gpus),
        cache=CacheSection(capacity=capacity),
        run=RunSection(engine=engine, seed=seed),
    )


def with_engine(prepared: Prepared, engine: str) -> Prepared:
    run = msgspec.structs.replace(prepared.scenario.run, engine=engine)
    changed = msgspec.structs.replace(prepared.scenario, run=run)
    return msgspec.structs.replace(prepared, scenario=changed)


def run_both(prepared: Prepared) -> tuple[Run, Run]:
    return run_policy(with_engine(prepared, "simpy")), run_policy(with_engine(prepared, "compiled"))


def assert_equal(slow: Run, fast: Run) -> None:
    assert (slow.engine, fast.engine) == ("simpy", "compiled")
    for name in COLUMNS:
        np.testing.assert_array_equal(
            np.array(getattr(slow.served, name)), getattr(fast.served, name), err_msg=name
        )
    assert slow.served.plan == fast.served.plan
    assert (slow.evictions, slow.evicted_bytes) == (fast.evictions, fast.evicted_bytes)
    assert slow.tiers == fast.tiers


@pytest.fixture(scope="module")
def studio() -> Prepared:
    trace = read_trace(sample_path("studio-day"))
    return prepare(scenario("lru", "2GiB", 8, "simpy"), trace)


def crowded(seed: int, requests: int = 400) -> Trace:
    """A trace full of ties and of identical requests that come while the first is in flight."""
    spec = SynthSpec(
        requests=requests,
        requests_per_hour=600,
        seed_share=1.0,
        resend_share=0.6,
        conditioning_share=0.1,
        tenants=(0.7, 0.3),
    )
    made = generate(spec, seed)
    chance = np.random.default_rng(seed)
    threads: dict[str, np.ndarray] = {}
    prompts: dict[str, np.ndarray] = {}
    seeds: dict[str, int] = {}
    rows, changed = [], []
    for request in made.requests:
        thread = request.extra["thread"]
        centre = threads.setdefault(thread, chance.normal(size=32))
        if request.prompt not in prompts:
            prompts[request.prompt] = centre + chance.uniform(0, 0.8) * chance.normal(size=32)
        rows.append(prompts[request.prompt])
        changed.append(
            msgspec.structs.replace(
                request,
                arrival_s=float(request.arrival_s // 30 * 30),
                seed=seeds.setdefault(request.prompt, len(seeds)) % 50,
            )
        )
    trace = Trace(name=f"crowded-{seed}", requests=tuple(changed))
    return trace.with_embeddings(np.array(rows), "random")


@pytest.mark.parametrize("policy", ["lru", "windowed", "adaptive"])
@pytest.mark.parametrize("gpus", [6, 40])
@pytest.mark.parametrize("capacity", ["0.5GiB", "16GiB"])
def test_every_request_is_served_alike(studio, policy, capacity, gpus):
    slow, fast = run_both(vary(studio, scenario(policy, capacity, gpus, "simpy")))
    assert_equal(slow, fast)
    assert slow.evictions > 3000
    assert slow.served.kinds().count("resume") > 50
    assert slow.served.kinds().count("regional") > 200


def test_regions_of_any_size_are_drawn_alike(tmp_path):
    runs = {}
    for variation in (0.0, 0.6):
        profile = load_profile("wan2.1-1.3b-480p-50step-h200")
        path = tmp_path / f"{variation}.json"
        write_profile(msgspec.structs.replace(profile, srd_cv=variation), path)
        one = scenario("lru", "4GiB", 8, "simpy")
        one = msgspec.structs.replace(
            one, profile=str(path), workload=WorkloadSection(shape="profile")
        )
        runs[variation], fast = run_both(prepare(one, crowded(3)))
        assert_equal(runs[variation], fast)
    even, uneven = runs[0.0].served, runs[0.6].served
    alike = np.array([a == b for a, b in zip(even.plan, uneven.plan, strict=True)])
    changed = np.array(even.denoise_s) != np.array(uneven.denoise_s)
    regional = np.array(even.kinds()) == "regional"
    assert alike.mean() > 0.5
    np.testing.assert_array_equal(changed[alike], regional[alike])
    assert regional[alike].sum() > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy", ["fifo", "superseded", "gdsf", "worth", "bundle", "careful", "vllm-omni", "cacheseek"]
)
def test_every_supported_preset_is_served_alike(studio, policy):
    for capacity, gpus in (("0.5GiB", 6), ("4GiB", 40)):
        slow, fast = run_both(vary(studio, scenario(policy, capacity, gpus, "simpy")))
        assert_equal(slow, fast)
        assert slow.evictions > 500


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        'base = "gdsf"\n[eviction]\ncost = "saved"\n',
        'base = "lru"\n[reuse]\nlexical = "reject"\nbreak_even = true\n',
        'base = "lru"\n[entry]\nin_flight = true\n[reuse]\nbreak_even = true\n',
        'base = "windowed"\n[entry]\nin_flight = false\n',
        'base = "adaptive"\n[entry]\nin_flight = false\n',
        'base = "lru"\n[entry]\nkind = "renoised"\nin_flight = true\n',
        'base = "lru"\n[entry]\nkind = "renoised"\n[reuse]\nbreak_even = true\n',
        'base = "gdsf"\n[entry]\nkind = "renoised"\nin_flight = true\n',
        'base = "superseded"\n[entry]\nkind = "renoised"\nin_flight = true\n',
        'base = "adaptive"\n[eviction]\nkind = "bundle"\nmemory = 30\n',
        'base = "vllm-omni"\n[reuse]\nlexical = "early"\nbreak_even = true\n',
    ],
)
def test_every_number_of_a_supported_part_is_followed(studio, tmp_path, text):
    mine = tmp_path / "mine.toml"
    mine.write_text(text)
    slow, fast = run_both(vary(studio, scenario(str(mine), "1GiB", 8, "simpy")))
    assert_equal(slow, fast)
    assert slow.served.kinds().count("resume") > 50


@pytest.mark.parametrize("policy", ["lru", "windowed", "adaptive"])
@pytest.mark.parametrize("seed", range(4))
def test_ties_and_identical_requests_in_flight_are_served_alike(policy, seed):
    first = prepare(scenario(policy, "1GiB", 1, "simpy", seed), crowded(seed))
    followed = copied = 0
    for gpus in (1, 3, 17):
        for capacity in ("0.4GiB", "3GiB", "1TiB"):
            slow, fast = run_both(vary(first, scenario(policy, capacity, gpus, "simpy", seed)))
            assert_equal(slow, fast)
            served = slow.served
            assert len(set(served.arrival)) < 0.9 * len(served.arrival)
            copied += served.kinds().count("copy")
            followed += sum(
                worker < 0 and start > arrival
                for worker, start, arrival in zip(
                    served.worker, served.start, served.arrival, strict=True
                )
            )
    assert copied > 100
    assert followed > 20


def test_the_bounds_are_equal_too(studio):
    fast, slow = with_engine(studio, "auto"), with_engine(studio, "simpy")
    assert_equal(run_uncached(slow), run_uncached(fast))
    assert_equal(run_unbounded(slow), run_unbounded(fast))


def test_the_summary_and_the_records_are_equal(studio):
    slow, fast = run_both(studio)
    baseline = run_uncached(studio)
    tables = [
        summarise(run, baseline, cut=100, slo_s=200.0, prices=studio.scenario.prices)
        for run in (slow, fast)
    ]
    assert tables[0] == tables[1]
    assert tables[0]["misses"]
    ids = [request.id for request in studio.trace.requests]
    records = [run.served.to_table(ids, studio.workload, cached=True) for run in (slow, fast)]
    assert records[0].equals(records[1])


@pytest.mark.parametrize(
    ("policy", "reason"),
    [("lfu", "eviction 'lfu'"), ("tinylfu", "admission 'tinylfu'"), ("priced", "sizing 'priced'")],
)
def test_a_policy_it_does_not_know_is_carried_out_by_simpy_and_says_so(studio, policy, reason):
    run = run_policy(vary(studio, scenario(policy, "2GiB", 8, "auto")))
    assert run.engine == "simpy"
    assert reason in run.engine_note


def test_a_kept_journal_a_second_tier_and_a_missing_numba_are_carried_out_by_simpy(
    studio, monkeypatch
):
    fast = with_engine(studio, "compiled")
    journal = Journal()
    kept = run_policy(fast, journal)
    assert (kept.engine, kept.engine_note) == ("simpy", "a journal is kept")
    assert journal.rows
    cache = CacheSection(capacity="1GiB", below=(LowerTier(name="disk", capacity="8GiB"),))
    tiers = run_policy(vary(fast, msgspec.structs.replace(fast.scenario, cache=cache)))
    assert (tiers.engine, tiers.engine_note) == (
        "simpy",
        "the compiled engine does not know 2 tiers",
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    missing = run_policy(fast)
    assert missing.engine == "simpy"
    assert "chorus-cache[fast]" in missing.engine_note


def test_parts_that_learn_something_new_are_refused(studio):
    policy = load_policy("adaptive")
    assert unsupported_policy(policy, studio.tiers) is None
    for section, key in (("eviction", "novelty"), ("entry", "novelty"), ("reuse", "novelty")):
        tables = policy.tables | {section: policy.tables[section] | {key: 1}}
        other = msgspec.structs.replace(policy, tables=tables)
        assert "novelty" in str(unsupported_policy(other, studio.tiers))


def test_every_field_of_a_scenario_was_thought_about():
    """A new field fails here: teach the engine what it does, or leave it out and it is refused."""
    assert unsupported_scenario(Scenario()) is None
    default = Scenario()
    assert set(default.__struct_fields__) <= KNOWN_FIELDS[""]
    for name in default.__struct_fields__:
        section = getattr(default, name)
        if isinstance(section, msgspec.Struct):
            assert set(section.__struct_fields__) <= KNOWN_FIELDS[name], name
