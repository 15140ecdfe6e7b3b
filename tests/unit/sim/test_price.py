"""What plans cost on a profile of round numbers."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from queueing import plain_workload

from chorus_policies.cache import Cache
from chorus_policies.costs.profile import SrdPoint, StageTime, TierRate
from chorus_policies.costs.profile_book import load_profile
from chorus_policies.entry import Query
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.plan import Copy, Fresh, Plan, Regional, Resume
from chorus_policies.policy import parse_policy
from chorus_policies.tier import TierSpec
from chorus_sim.price import PriceList

#: An SRD step takes 2 s and 8 s times its share; amplification adds a tenth of a full step.
PROFILE = msgspec.structs.replace(
    load_profile("wan2.1-1.3b-480p-50step-h200"),
    full_step=StageTime(mean_s=10.0),
    srd_step=(SrdPoint(active_share=0.25, mean_s=4.0), SrdPoint(active_share=0.5, mean_s=6.0)),
    srd_full_every=4,
    tgaa_share=0.1,
    tiers={
        "host": TierRate(
            latency_s=1.0, load_bytes_per_s=100.0, store_bytes_per_s=50.0, source="assumed"
        ),
        "disk": TierRate(
            latency_s=2.0, load_bytes_per_s=10.0, store_bytes_per_s=5.0, source="assumed"
        ),
    },
)
POLICY = parse_policy(
    "reuse.bands = [{similarity = 0.9, k1 = 0.2, k2 = 0.7}]", where="test", name="test"
)
DONOR = {"donor": 0, "similarity": 0.95, "reason": ""}


def resume(k1: int) -> Resume:
    return Resume(k1=k1, amplification=1.0, **DONOR)


def regional(share: float, k1: int = 2, k2: int = 7, amplification: float = 1.0) -> Regional:
    return Regional(k1=k1, k2=k2, active_share=share, amplification=amplification, **DONOR)


@pytest.fixture
def prices() -> PriceList:
    """Return the prices of ten steps; the namespace of the second request is unknown."""
    workload = plain_workload(np.zeros(2), np.zeros(2))
    one = Query(
        sequence=0, namespace="n", identity=None, steps=10, latent_bytes=100, result_bytes=300
    )
    queries = [one, msgspec.structs.replace(one, sequence=1, namespace=None)]
    tiers = tuple(TierSpec(name=name, capacity_bytes=2**40) for name in ("host", "disk"))
    workload = replace(workload, queries=queries, profiles=[PROFILE])
    return PriceList(workload, Cache(POLICY, tiers, MatrixIndex(), Journal()))


@pytest.mark.parametrize(
    ("plan", "denoise_s", "latents"),
    [
        (Fresh(reason=""), 100.0, 0),
        (resume(4), 60.0, 1),
        # The two first steps are skipped; of the next five the first and the fifth are full ones.
        (regional(0.25), 5 * 10.0 + 3 * 4.0, 6),
        (regional(0.5), 5 * 10.0 + 3 * 6.0, 6),
        (regional(0.25, k1=0, k2=1), 100.0, 2),
        (regional(0.25, amplification=8.0), 5 * 10.0 + 3 * 4.0 + 1.0, 6),
    ],
)
def test_denoising_and_loading_are_counted_by_steps(
    prices: PriceList, plan: Plan, denoise_s: float, latents: int
) -> None:
    price = prices.of(plan, 0)
    assert price.denoise_s == pytest.approx(denoise_s)
    assert price.load_bytes == 100 * latents
    assert price.load_s_by_tier == pytest.approx({"host": 1.0 + latents, "disk": 2 + 10 * latents})


def test_a_copy_reads_the_finished_video_and_leaves_nothing(prices: PriceList) -> None:
    price = prices.of(Copy(donor=0), 0)
    assert (price.denoise_s, price.load_bytes) == (0.0, 300)
    assert (price.store_bytes, price.store_s) == (0, 0.0)
    assert price.load_s_by_tier == pytest.approx({"host": 4.0, "disk": 32.0})


@pytest.mark.parametrize(
    ("plan", "latents"),
    # The finished latent and those of steps 2 to 7, as far as they were computed.
    [(Fresh(reason=""), 7), (resume(4), 5), (regional(0.25), 7), (regional(0.25, k1=6), 3)],
)
def test_what_is_kept_is_written_to_the_first_tier(
    prices: PriceList, plan: Plan, latents: int
) -> None:
    price = prices.of(plan, 0)
    assert price.store_bytes == 100 * latents
    assert price.store_s == pytest.approx(1.0 + 2 * latents)
    unknown = prices.of(plan, 1)
    assert (unknown.store_bytes, unknown.store_s) == (0, 0.0)
    assert unknown.denoise_s == price.denoise_s


def test_plans_that_differ_have_prices_of_their_own(prices: PriceList) -> None:
    plans = [resume(2), resume(4), regional(0.25), regional(0.5), regional(0.5, k2=5)]
    plans.append(regional(0.5, amplification=8.0))
    found = [prices.of(plan, 0).denoise_s for plan in plans]
    assert len(set(found)) == len(plans)
    assert found == [prices.of(plan, 0).denoise_s for plan in plans]


def test_only_srd_steps_take_the_factor_of_the_region(prices: PriceList) -> None:
    price = prices.of(regional(0.25), 0)
    assert price.denoising_s(spread=2.0, region=1.5) == pytest.approx(2 * (50 + 1.5 * 12))
    assert prices.of(resume(4), 0).denoising_s(spread=2.0, region=1.5) == pytest.approx(120.0)
