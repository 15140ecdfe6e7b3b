"""Full steps, SRD steps and TGAA are told apart."""

import msgspec
import pytest

from chorus_policies.costs.profile import SrdPoint, StageTime
from chorus_policies.costs.profile_book import load_profile
from chorus_policies.costs.work import amplified_steps, work_of
from chorus_policies.live.record import Record
from chorus_policies.plan import Regional, Resume
from chorus_sim.live.denoised import LEAST_SAMPLES, Made, srd_curve, tgaa_share_of
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
    told = dict.fromkeys(Record.__struct_fields__)
    told |= dict.fromkeys((one for one in told if one.endswith(("_s", "_bytes"))), 0)
    told |= {"id": "a", "worker": 0, "kind": "resume", "reason": "none", "steps": STEPS}
    return Made(
        record=msgspec.convert(told | {"denoise_s": denoising_s(plan, STEPS, TRUTH)}, Record),
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
    curve, spread = srd_curve(RESUMED + REGIONAL, BEFORE, 0.1, 0.04, {}, [])
    assert {one.active_share: one.mean_s for one in curve} == {
        0.15: pytest.approx(0.03),
        1.0: pytest.approx(0.12 / 2),
    }
    assert spread == pytest.approx(0.0, abs=1e-9)
