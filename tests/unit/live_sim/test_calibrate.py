import msgspec
import numpy as np
import pytest
from live_run import serve_all, some_prompts

from chorus_policies.costs.profile import SrdPoint, StageTime, read_profile, write_profile
from chorus_policies.costs.profile_book import load_profile
from chorus_policies.live.record import STAGES
from chorus_sim.live.calibrate import after_answer, blank, calibrate, outside
from chorus_sim.live.denoised import LEAST_SAMPLES
from chorus_sim.live.run import Sent, read_run
from chorus_sim.price import denoising_s
from chorus_traces.errors import ProfileError

#: What the made-up stage times come from: SRD steps that cost more than their share.
TRUTH = msgspec.structs.replace(
    load_profile("wan2.1-1.3b-480p-4step-h200"),
    full_step=StageTime(mean_s=0.1),
    srd_step=(SrdPoint(active_share=0.1, mean_s=0.03), SrdPoint(active_share=1.0, mean_s=0.12)),
    tgaa_share=0.0,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    served = read_run(serve_all(folder, some_prompts(200), capacity="64MiB"))
    return told(served)


def told(run):
    """Return the run with stage times that do not depend on this machine."""
    plans = {call.query.sequence: call.plan for call in run.calls if call.name == "store"}
    chance = np.random.default_rng(0)
    records = {}
    for name, record in run.records.items():
        plan = plans[run.key_of[name]]
        factor = float(chance.uniform(0.9, 1.1))
        stages = {
            "text_encode_s": 0.003 * factor,
            "embed_s": 0.002 * factor,
            "lookup_s": 0.0005,
            "denoise_s": denoising_s(plan, record.steps, TRUTH) * factor,
            "vae_decode_s": 0.002,
            "video_encode_s": 0.05 * factor,
        }
        service = sum(stages.values()) + record.load_s + 0.004
        records[name] = msgspec.structs.replace(
            record, **stages, finish_s=record.start_s + service, held_s=service + 0.01 * factor
        )
    return msgspec.structs.replace(run, records=records)


def test_stages_are_the_means_of_the_run(run):
    made = calibrate([run], blank(run.facts)).profile
    records = list(run.records.values())
    assert made.source == "measured"
    assert made.video_encode.mean_s == pytest.approx(
        np.mean([one.video_encode_s for one in records])
    )
    assert made.vae_decode.samples == len(records) == 200
    fresh = [one.denoise_s / 4 for one in records if one.kind == "fresh"]
    assert len(fresh) >= LEAST_SAMPLES
    assert made.full_step.mean_s == pytest.approx(np.mean(fresh))
    assert made.server.mean_s == pytest.approx(np.mean([outside(one) for one in records]))
    assert (made.model, made.device, made.steps) == ("fake", run.facts.device, 4)


def test_the_date_is_that_of_the_latest_run(run):
    assert calibrate([run], blank(run.facts)).profile.date == run.facts.started[:10] != ""
    facts = msgspec.structs.replace(run.facts, started="2031-02-03T23:59:59+00:00")
    later = msgspec.structs.replace(run, facts=facts)
    assert calibrate([later, run], blank(run.facts)).profile.date == "2031-02-03"


def test_what_the_replay_did_not_send_is_left_out(run):
    mine = run.served[50:]
    sent = {
        one.id: Sent(id=one.id, planned_s=0, sent_s=0, answered_s=1, status=200) for one in mine
    }
    replayed = msgspec.structs.replace(run, sent=sent)
    made = calibrate([replayed], blank(run.facts)).profile
    assert made.vae_decode.samples == 150
    assert calibrate([replayed], blank(run.facts), skip=1).profile.vae_decode.samples == 149


def test_a_calibrated_profile_adds_up_to_the_denoising_that_was_measured(run):
    done = calibrate([run], blank(run.facts))
    plans = {call.query.sequence: call.plan for call in run.calls if call.name == "store"}
    by_share: dict[float, list[tuple[float, float]]] = {}
    for name, record in run.records.items():
        plan = plans[run.key_of[name]]
        share = getattr(plan, "active_share", 0.0)
        both = (denoising_s(plan, record.steps, done.profile), record.denoise_s)
        by_share.setdefault(share, []).append(both)
    calibrated = [share for share in by_share if len(by_share[share]) >= LEAST_SAMPLES]
    assert len(calibrated) >= 3
    for share in calibrated:
        predicted, measured = np.mean(by_share[share], axis=0)
        assert predicted == pytest.approx(measured), share
    for point in done.profile.srd_step:
        if point.active_share in calibrated:
            assert point.mean_s == pytest.approx(TRUTH.srd_step_s(point.active_share), rel=0.2)
    assert done.profile.full_step.mean_s == pytest.approx(0.1, rel=0.05)
    assert done.profile.server.mean_s == pytest.approx(0.004)


def test_what_the_run_does_not_tell_is_named(run):
    before = blank(run.facts)
    tiers = before.tiers | {"disk": next(iter(before.tiers.values()))}
    done = calibrate([run], msgspec.structs.replace(before, tiers=tiers))
    assert "tier disk" in done.kept
    assert "not measured: tier disk" in done.profile.note
    assert done.profile.tiers["disk"] == tiers["disk"]
    assert done.profile.tiers["host"].source == "measured"


def test_storing_is_what_the_worker_does_after_the_answer(run):
    made = calibrate([run], blank(run.facts)).profile
    stores = [one for one in run.records.values() if one.store_bytes]
    rate = made.tiers["host"]
    size = np.mean([one.store_bytes for one in stores])
    predicted = rate.latency_s + size / rate.store_bytes_per_s
    assert predicted == pytest.approx(np.mean([after_answer(one) for one in stores]), rel=1e-6)


def test_too_few_samples_are_refused_by_the_stage(run):
    with pytest.raises(ProfileError, match=r"full_step was measured . times; at least 8"):
        calibrate([run], blank(run.facts), skip=len(run.records) - 3)


def test_the_profile_survives_its_file(run, tmp_path):
    made = calibrate([run], blank(run.facts)).profile
    write_profile(made, tmp_path / "p.json")
    assert read_profile(tmp_path / "p.json") == made


def slower(run, factor):
    """Return the run on a machine that took ``factor`` times as long for everything."""
    records = {
        name: msgspec.structs.replace(
            record,
            finish_s=record.start_s + factor * (record.finish_s - record.start_s),
            held_s=factor * record.held_s,
            **{f"{stage}_s": factor * getattr(record, f"{stage}_s") for stage in STAGES},
        )
        for name, record in run.records.items()
    }
    return msgspec.structs.replace(run, records=records)


def test_several_runs_tell_how_the_machine_drifts(run):
    before = blank(run.facts)
    alone = calibrate([run], before).profile
    assert (alone.drift_cv, alone.drift_runs) == (0.0, 1)
    same = calibrate([run, run, run], before).profile
    assert same.drift_cv < 0.001
    factors = (0.9, 1.0, 1.1)
    made = calibrate([slower(run, one) for one in factors], before).profile
    assert made.drift_cv == pytest.approx(np.std(factors, ddof=1), rel=0.02)
    assert made.drift_runs == 3
    assert made.vae_decode.samples == 3 * alone.vae_decode.samples
    assert made.full_step.mean_s == pytest.approx(alone.full_step.mean_s, rel=1e-6)


def test_runs_of_unlike_servers_are_refused(run):
    facts = msgspec.structs.replace(run.facts, device="another")
    other = msgspec.structs.replace(run, facts=facts)
    with pytest.raises(ProfileError, match="its device are not those of"):
        calibrate([run, other], blank(run.facts))


def test_regions_that_differ_are_a_spread_of_srd_steps_alone(run):
    even = calibrate([run], blank(run.facts)).profile
    chance, records = np.random.default_rng(3), {}
    for name, record in run.records.items():
        more_s = 0.0
        if record.kind == "regional":
            more_s = 0.05 * float(chance.choice([-1, 1]))
        records[name] = msgspec.structs.replace(record, denoise_s=record.denoise_s + more_s)
    uneven = calibrate([msgspec.structs.replace(run, records=records)], blank(run.facts)).profile
    assert uneven.srd_samples == even.srd_samples >= LEAST_SAMPLES
    assert uneven.srd_cv > 2 * even.srd_cv
    assert uneven.full_step == even.full_step
