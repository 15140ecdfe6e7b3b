"""Full steps, SRD steps and TGAA are told apart."""

import msgspec
import numpy as np
import pytest
from blank_record import blank_record

from chorus_policies.costs.profile import SrdPoint, StageTime
from chorus_policies.costs.profile_book import load_profile
from chorus_policies.costs.work import amplified_steps, work_of
from chorus_policies.plan import Regional, Resume
from chorus_sim.live.denoised import (
    LEAST_SAMPLES,
    Made,
    spread_of,
    srd_curve,
    srd_spread_of,
    tgaa_share_of,
)
from chorus_sim.price import denoising_s

STEPS = 25
#: 40 % dearer amplified steps; SRD steps that cost more than their share.
TRUTH = msgspec.structs.replace(
    load_profile("wan2.1-1.3b-480p-4step-h200"),
    full_step=StageTime(mean_s=0.1),
    srd_step=(SrdPoint(active_share=0.15, mean_s=0.03), SrdPoint(active_share=1.0, mean_s=0.12)),
    tgaa_share=0.4,
)
BEFORE = msgspec.structs.replace(TRUTH, full_step=StageTime(mean_s=0.2), tgaa_share=0.01)


def made(plan):
    return Made(
        record=blank_record(kind="resume", steps=STEPS, denoise_s=denoising_s(plan, STEPS, TRUTH)),
        embedded=False,
        plan=plan,
        work=work_of(plan, STEPS, TRUTH.srd_full_every),
        amplified=amplified_steps(plan, STEPS),
    )


SAID = {"donor": 1, "similarity": 0.9, "reason": "a band"}
RESUMED = [made(Resume(k1=2, amplification=8.0, **SAID))] * LEAST_SAMPLES
PLAIN = [made(Resume(k1=2, amplification=1.0, **SAID))] * LEAST_SAMPLES
REGIONAL = [
    made(Regional(k1=10, k2=20, active_share=0.15, amplification=8.0, **SAID))
] * LEAST_SAMPLES
SRD_STEPS = REGIONAL[0].work.srd_steps


def test_tgaa_is_what_amplified_steps_of_resumed_runs_took_beyond_full_ones():
    samples, kept = {}, []
    assert tgaa_share_of(RESUMED + PLAIN, BEFORE, 0.1, samples, kept) == pytest.approx(0.4)
    assert samples == {"tgaa": LEAST_SAMPLES}
    assert not kept


def test_without_amplified_runs_the_earlier_share_stays_and_is_named():
    kept = []
    assert tgaa_share_of(PLAIN + REGIONAL, BEFORE, 0.1, {}, kept) == 0.01
    assert kept == ["tgaa (0 samples)"]


def test_an_srd_step_is_what_is_left_after_full_steps_and_tgaa():
    curve = srd_curve(RESUMED + REGIONAL, BEFORE, 0.1, 0.04, {}, [])
    assert {one.active_share: one.mean_s for one in curve} == {
        0.15: pytest.approx(0.03),
        1.0: pytest.approx(0.12 / 2),
    }
    known = msgspec.structs.replace(TRUTH, srd_step=curve)
    assert spread_of(RESUMED + REGIONAL, 0.1, 0.04) == pytest.approx(0.0, abs=1e-9)
    assert srd_spread_of(RESUMED + REGIONAL, known, 0.04) == (
        pytest.approx(0.0, abs=1e-9),
        len(REGIONAL),
    )


def test_srd_steps_vary_by_what_is_left_of_each_run():
    longer = msgspec.structs.replace(
        REGIONAL[0],
        record=msgspec.structs.replace(
            REGIONAL[0].record, denoise_s=REGIONAL[0].record.denoise_s + 0.03 * SRD_STEPS
        ),
    )
    # Half of the regions cost twice what the others do: 1 and 2 are 2/3 and 4/3 of their mean.
    known = msgspec.structs.replace(TRUTH, srd_step=(SrdPoint(active_share=0.15, mean_s=0.045),))
    varied, number = srd_spread_of(REGIONAL + [longer] * len(REGIONAL), known, 0.04)
    assert number == 2 * len(REGIONAL)
    assert varied == pytest.approx(np.std([2 / 3, 4 / 3] * len(REGIONAL), ddof=1))
