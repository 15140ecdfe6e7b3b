"""When requests come: measured on 23 days of a production text-to-image service (GenTD26)."""

import numpy as np
import pytest

from chorus_traces.describe import Description, describe
from chorus_traces.synth import SynthSpec, generate
from chorus_traces.trace import Trace


def instants(trace: Trace) -> np.ndarray:
    return np.array([request.arrival_s for request in trace.requests])


def busiest_six_hours(trace: Trace) -> float:
    by_hour = np.bincount((instants(trace) // 3600).astype(int) % 24, minlength=24)
    return float(np.sort(by_hour)[-6:].sum() / by_hour.sum())


def test_inter_arrival_times_vary_as_measured(month_laws: Description) -> None:
    # Measured 12.0; the one number is ruled by the longest night, so seeds differ (12.5 to 14.6).
    assert month_laws.inter_arrival_cv == pytest.approx(12.0, rel=0.3)


def test_within_an_hour_arrivals_are_nearly_poisson(month_laws: Description) -> None:
    assert month_laws.inter_arrival_cv_within_hour == pytest.approx(1.15, abs=0.1)


@pytest.mark.parametrize(("window_s", "measured"), [(60, 3.75), (600, 27.0), (3600, 140.0)])
def test_counts_are_dispersed_as_measured(
    month_laws: Description, window_s: int, measured: float
) -> None:
    assert month_laws.dispersion[window_s] == pytest.approx(measured, rel=0.3)


def test_an_enterprise_day_has_three_quarters_of_its_requests_in_six_hours(month: Trace) -> None:
    assert busiest_six_hours(month) == pytest.approx(0.74, abs=0.06)


def test_a_worldwide_day_is_nearly_flat() -> None:
    trace = generate(
        SynthSpec(requests=20_000, requests_per_hour=200.0, daily_cycle=0.1, day_variation=0.0), 1
    )
    assert busiest_six_hours(trace) == pytest.approx(0.25, abs=0.1)


def test_session_lengths_survive_as_measured(month_laws: Description) -> None:
    assert month_laws.by_user is not None
    survival = month_laws.by_user.survival
    assert month_laws.by_user.sessions > 4_000
    for length, measured, tolerance in (
        (2, 0.68, 0.03),
        (3, 0.46, 0.04),
        (5, 0.26, 0.03),
        (10, 0.099, 0.015),
        (20, 0.0315, 0.008),
        (50, 0.0049, 0.003),
    ):
        assert survival[length] == pytest.approx(measured, abs=tolerance), length
    assert month_laws.by_user.mean_length == pytest.approx(4.5, abs=0.4)


def test_gaps_within_a_session_are_log_normal_as_measured(month_laws: Description) -> None:
    assert month_laws.by_user is not None
    assert month_laws.by_user.gap_median_s == pytest.approx(75.2, rel=0.08)


def test_few_users_send_most(month_laws: Description) -> None:
    assert month_laws.by_user is not None
    assert month_laws.by_user.top_1 == pytest.approx(0.28, abs=0.06)
    assert month_laws.by_user.top_10 == pytest.approx(0.57, abs=0.06)
    assert month_laws.by_user.users == pytest.approx(4_247, rel=0.15)


def test_a_higher_rate_brings_more_users_and_leaves_the_gaps(month_laws: Description) -> None:
    fast = describe(generate(SynthSpec(requests=26_823, requests_per_hour=485.0), seed=1))
    assert fast.by_user is not None
    assert month_laws.by_user is not None
    assert fast.span_s < month_laws.span_s / 9
    assert fast.by_user.gap_median_s == pytest.approx(month_laws.by_user.gap_median_s, rel=0.05)
    assert fast.by_user.users / fast.span_s > 8 * month_laws.by_user.users / month_laws.span_s


def test_a_flash_burst_is_one_user_at_sixty_requests_a_minute() -> None:
    spec = SynthSpec(
        requests=5_000, requests_per_hour=50.0, day_variation=0.0, bursts_per_week=40.0
    )
    trace = generate(spec, seed=3)
    minutes: dict[tuple[str | None, int], int] = {}
    for request in trace.requests:
        key = (request.user, int(request.arrival_s // 60))
        minutes[key] = minutes.get(key, 0) + 1
    calm = generate(SynthSpec(requests=5_000, requests_per_hour=50.0, bursts_per_week=0.0), 3)
    assert sum(count >= 30 for count in minutes.values()) > 10
    calm_minutes = np.bincount((instants(calm) // 60).astype(int))
    assert calm_minutes.max() < 30
