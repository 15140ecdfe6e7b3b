"""Validation against a measurement whose truth is known: the simulator's own, made worse."""

import msgspec
import numpy as np
import pytest
from live_run import serve_all, some_prompts

from chorus_policies.costs.profile import StageTime
from chorus_policies.live.record import Record
from chorus_sim.live.calibrate import blank
from chorus_sim.live.predict import Replica, column
from chorus_sim.live.run import Sent, read_run
from chorus_sim.live.validate import validate
from chorus_traces.errors import ScenarioError

REQUESTS = 150


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose requests arrive so fast that they queue."""
    folder = tmp_path_factory.mktemp("run")
    made = read_run(serve_all(folder, some_prompts(REQUESTS), capacity="64MiB"))
    gaps = np.random.default_rng(0).exponential(0.5, REQUESTS)
    requests = tuple(
        msgspec.structs.replace(one, arrival_s=float(instant))
        for one, instant in zip(made.requests, np.cumsum(gaps), strict=True)
    )
    return msgspec.structs.replace(made, requests=requests)


@pytest.fixture(scope="module")
def profile(run):
    stage = {name: StageTime(mean_s=0.02, cv=0.1) for name in ("text_encode", "embed", "lookup")}
    return msgspec.structs.replace(
        blank(run.facts),
        full_step=StageTime(mean_s=0.08, cv=0.2),
        video_encode=StageTime(mean_s=0.05, cv=0.3),
        server=StageTime(mean_s=0.01, cv=0.1),
        **stage,
    )


def measured_by(run, profile, seed=77):
    """Return the run as if the simulator had measured it with ``profile``."""
    replica = Replica(run, profile, run.policy)
    rows = replica.drawn(seed).records.to_pylist()
    records = {}
    for row in rows:
        for name in ("arrival_s", "start_s", "finish_s"):
            row[name] += replica.origin_s
        records[row["id"]] = msgspec.convert(row, Record)
    return msgspec.structs.replace(run, records=records)


def test_a_measurement_by_the_model_itself_lies_in_its_intervals(run, profile):
    found = validate(measured_by(run, profile), profile, run.policy)
    assert found["kinds"]["equal"] == 1
    response = found["times"]["response"]["workload"]
    assert response["mean"]["inside"]
    assert response["p95"]["inside"]
    assert found["times"]["waiting"]["workload"]["mean"]["measured"] > 0.05
    told = found["given_stages"]
    assert told["workload"]["mean"]["error"] == pytest.approx(0, abs=1e-6)
    assert told["by_request"]["mape"] == pytest.approx(0, abs=1e-6)


def width_of(found):
    low, high = found["times"]["service"]["workload"]["mean"]["interval"]
    return high - low


def test_a_machine_that_drifts_has_wider_intervals(run, profile):
    measured = measured_by(run, profile)
    steady = validate(measured, profile, run.policy)
    drifts = msgspec.structs.replace(profile, drift_cv=0.1, drift_runs=10)
    wider = validate(measured, drifts, run.policy)
    # Two standard deviations of 10 %, and a little for a mean of ten runs, on either side.
    mean = wider["times"]["service"]["workload"]["mean"]["predicted"]
    assert 0.25 < width_of(wider) / mean < 0.65
    assert width_of(wider) > 3 * width_of(steady)
    few = msgspec.structs.replace(drifts, drift_runs=2)
    assert width_of(validate(measured, few, run.policy)) > 1.5 * width_of(wider)


def test_regions_of_any_size_widen_what_is_drawn_and_leave_the_mean(run, profile):
    even = Replica(run, profile, run.policy)
    uneven = Replica(run, msgspec.structs.replace(profile, srd_cv=0.8), run.policy)
    assert even.expected().records.equals(uneven.expected().records)
    one, other = (
        np.array([column(each.drawn(seed).records, "denoise_s") for seed in range(20)])
        for each in (even, uneven)
    )
    kinds = np.array(even.expected().records["kind"].to_pylist())
    regional = kinds == "regional"
    assert regional.sum() > 20
    np.testing.assert_array_equal(one[:, ~regional], other[:, ~regional])
    assert other[:, regional].std() > 1.05 * one[:, regional].std()
    assert other[:, regional].mean() == pytest.approx(one[:, regional].mean(), rel=0.05)


def test_a_stage_that_is_dearer_live_is_found_and_blamed_on_the_profile(run, profile):
    dearer = msgspec.structs.replace(profile, video_encode=StageTime(mean_s=0.10, cv=0.3))
    found = validate(measured_by(run, dearer), profile, run.policy)
    errors = {row["stage"]: row["workload"]["mean"]["error"] for row in found["stages"]}
    assert errors["video_encode"] == pytest.approx(-0.5, abs=0.1)
    assert abs(errors["denoise"]) < 0.1
    assert found["times"]["response"]["workload"]["mean"]["error"] < -0.1
    assert not found["verdict"]["mean"]["met"]
    assert found["given_stages"]["workload"]["mean"]["error"] == pytest.approx(0, abs=1e-6)
    assert all(quarter["error"] < 0 for quarter in found["drift"])


def test_errors_that_cancel_are_seen_stage_by_stage(run, profile):
    swapped = msgspec.structs.replace(
        profile,
        video_encode=StageTime(mean_s=0.08, cv=0.0),
        text_encode=StageTime(mean_s=0.0),
        server=StageTime(mean_s=0.0),
    )
    found = validate(measured_by(run, swapped), profile, run.policy)
    shares = {row["stage"]: row["error_of_service"] for row in found["stages"]}
    assert shares["video_encode"] < -0.05
    assert shares["text_encode"] > 0.03
    total = sum(share for stage, share in shares.items() if stage != "after")
    assert abs(total) < 0.04 < sum(map(abs, shares.values()))


def sent_of(requests, *, warm_up=0, status=200):
    return {
        one.id: Sent(
            id=one.id, planned_s=0, sent_s=0, answered_s=1, status=status, warm_up=place < warm_up
        )
        for place, one in enumerate(requests)
    }


def test_what_another_replay_sent_fills_the_cache_and_is_compared_nowhere(run, profile):
    measured = measured_by(run, profile)
    whole = validate(measured, profile, run.policy)
    later = run.served[60:]
    found = validate(msgspec.structs.replace(measured, sent=sent_of(later)), profile, run.policy)
    assert (found["run"]["compared"], found["run"]["others"]) == (REQUESTS - 60, 60)
    assert found["run"]["warm_up"] == 0
    assert whole["run"]["others"] == 0
    # Donors among the earlier requests are there in both worlds.
    early = {run.key_of[one.id] for one in run.served[:60]}
    assert any(measured.records[one.id].donor in early for one in later)
    assert found["kinds"]["equal"] == 1
    mean = found["times"]["response"]["workload"]["mean"]["measured"]
    mine = [measured.records[one.id] for one in later]
    assert mean == pytest.approx(np.mean([one.finish_s - one.arrival_s for one in mine]))
    # Refused: the requests of that id were there before this replay.
    refused = sent_of(run.served[:60], status=409) | sent_of(later)
    assert len(msgspec.structs.replace(measured, sent=refused).others) == 60


def test_warm_up_is_served_in_both_and_compared_in_none(run, profile):
    sent = sent_of(run.served, warm_up=30)
    flagged = msgspec.structs.replace(measured_by(run, profile), sent=sent)
    found = validate(flagged, profile, run.policy)
    assert found["run"]["compared"] == REQUESTS - 30
    assert found["run"]["warm_up"] == 30
    assert found["kinds"]["equal"] == 1
    few = sent_of(run.served, warm_up=140)
    with pytest.raises(ScenarioError, match="10 requests to compare"):
        validate(msgspec.structs.replace(flagged, sent=few), profile, run.policy)


def test_the_same_run_gives_the_same_validation(run, profile):
    live = measured_by(run, profile)
    assert validate(live, profile, run.policy) == validate(live, profile, run.policy)
