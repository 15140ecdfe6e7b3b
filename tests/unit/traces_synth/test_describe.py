"""Describe: figures worked out by hand, and those of a real trace."""

from pathlib import Path

import numpy as np
import pytest

from chorus_traces import repetition
from chorus_traces.describe import describe
from chorus_traces.read import read_trace
from chorus_traces.request import Request
from chorus_traces.trace import Trace


def trace(*rows: tuple[float, str, str | None], vectors: list[list[float]] | None = None) -> Trace:
    made = Trace(
        name="tiny",
        requests=tuple(
            Request(id=f"r{n}", arrival_s=at, prompt=prompt, user=user)
            for n, (at, prompt, user) in enumerate(rows)
        ),
    )
    if vectors is None:
        return made
    return made.with_embeddings(np.array(vectors, dtype=np.float64), "by hand")


def at_angle(*degrees: float) -> list[list[float]]:
    return [[np.cos(np.radians(angle)), np.sin(np.radians(angle))] for angle in degrees]


def test_one_request_has_no_rate() -> None:
    laws = describe(trace((3.0, "a cat", None)))
    assert laws.requests == 1
    assert laws.span_s == 0.0
    assert laws.requests_per_hour is None
    assert laws.inter_arrival_cv is None
    assert laws.inter_arrival_cv_within_hour is None
    assert laws.dispersion == {}
    assert laws.by_user is None
    assert laws.repetition is None


def test_even_arrivals_have_no_variation() -> None:
    laws = describe(trace(*((60.0 * n, "a cat", None) for n in range(121))))
    assert laws.span_s == 7_200.0
    assert laws.requests_per_hour == pytest.approx(60.0)
    assert laws.inter_arrival_cv == pytest.approx(0.0)
    assert laws.inter_arrival_cv_within_hour == pytest.approx(0.0)
    assert laws.dispersion == pytest.approx({60: 0.0, 600: 0.0, 3600: 0.0})


def test_dispersion_is_variance_over_mean_of_whole_windows() -> None:
    # Minutes hold 3, 0, 1 and 0 requests, then one more opens the fifth: mean 1, variance 1.5.
    instants = (0.0, 1.0, 2.0, 130.0, 240.0)
    laws = describe(trace(*((at, "a cat", None) for at in instants)))
    assert laws.dispersion == pytest.approx({60: 1.5})


def test_the_busiest_hour_is_counted_from_the_start() -> None:
    laws = describe(trace((10.0, "a", None), (3_700.0, "b", None), (3_800.0, "c", None)))
    assert (laws.busiest_hour, laws.busiest_hour_requests) == (1, 2)


def test_sessions_end_after_half_an_hour() -> None:
    laws = describe(
        trace((0, "a", "x"), (5, "b", "y"), (10, "c", "x"), (1_900, "d", "x"), (2_000, "e", None))
    )
    assert laws.by_user is not None
    assert laws.by_user.users == 2
    assert laws.by_user.sessions == 3
    assert laws.by_user.mean_length == pytest.approx(4 / 3)
    assert laws.by_user.survival[2] == pytest.approx(1 / 3)
    assert laws.by_user.gap_median_s == pytest.approx(10.0)
    assert laws.by_user.top_1 == pytest.approx(3 / 4)


def test_repeats_are_prompts_seen_before() -> None:
    laws = describe(trace((0, "a", None), (1, "b", None), (2, "a", None), (3, "a", None)))
    assert laws.repeats == pytest.approx(0.5)


def test_shares_are_of_all_requests() -> None:
    first = Request(id="1", arrival_s=0, prompt="a b c", tenant="t", seed=1, conditioning="d")
    second = Request(id="2", arrival_s=1, prompt="a", width=832, height=480, frames=81)
    laws = describe(Trace(name="two", requests=(first, second)))
    assert laws.seeds == laws.conditioning == 0.5
    assert laws.tenants == {"t": 0.5}
    assert laws.sizes == {"832x480x81": 0.5}
    assert laws.words[1] == 2.0


def test_similarity_looks_at_earlier_requests_only() -> None:
    # Cosines: cos 20 = .940, cos 70 = .342, cos 50 = .643.
    rows = ((0, "a", "x"), (1, "b", "x"), (2, "c", "x"))
    laws = describe(trace(*rows, vectors=at_angle(0, 70, 20))).repetition
    assert laws is not None
    assert laws.measured == 3
    assert laws.hits == 1
    assert laws.earlier[0.9] == laws.recent[0.9] == pytest.approx(1 / 3)
    assert laws.earlier[0.95] == 0.0
    assert laws.nearest_lag_median == 2.0
    assert laws.best_lags == {1: 0.0, 10: 1.0, 100: 1.0, 1000: 1.0}
    assert laws.thread_cosine == pytest.approx({1: 0.4925, 2: 0.9397}, abs=1e-3)


def test_of_equal_donors_the_most_recent_counts() -> None:
    rows = ((0, "a", "x"), (1, "a", "y"), (2, "a", "x"))
    laws = describe(trace(*rows, vectors=at_angle(0, 0, 0))).repetition
    assert laws is not None
    assert laws.best_lags == {1: 1.0, 10: 1.0, 100: 1.0, 1000: 1.0}
    assert laws.own_session == 0.0


def test_the_nearest_hit_may_be_less_alike_than_the_best() -> None:
    rows = ((0, "a", "x"), (1, "b", "y"), (2, "c", "z"))
    laws = describe(trace(*rows, vectors=at_angle(0, 40, 10))).repetition
    assert laws is not None
    assert laws.hits == 1
    assert laws.best_lags is not None
    assert laws.nearest_lags is not None
    assert laws.best_lags[1] == 0.0
    assert laws.nearest_lags[1] == 1.0


def test_step_kinds_are_counted_within_a_thread() -> None:
    rows = tuple((n, str(n), "x") for n in range(6))
    laws = describe(trace(*rows, vectors=at_angle(0, 0, 10, 32, 62, 122))).repetition
    assert laws is not None
    assert laws.steps == pytest.approx((0.2, 0.2, 0.2, 0.2, 0.2))


def test_blocks_agree_with_the_whole_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repetition, "_ROWS", 7)
    monkeypatch.setattr(repetition, "_COLUMNS", 11)
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(150, 4))
    made = trace(*((n, str(n), "x") for n in range(150)), vectors=vectors.tolist())
    laws = describe(made).repetition
    assert laws is not None
    assert made.embeddings is not None
    whole = np.tril(made.embeddings @ made.embeddings.T, -1)
    whole[np.triu_indices(150)] = -1.0
    hits = whole >= repetition.HIT
    assert laws.hits == hits.any(axis=1).sum() > 100
    for threshold, share in laws.earlier.items():
        assert share == pytest.approx((whole.max(axis=1) >= threshold).mean())
    nearest = [row - np.flatnonzero(hit)[-1] for row, hit in enumerate(hits) if hit.any()]
    assert laws.nearest_lag_median == np.median(nearest)
    band = np.where(np.subtract.outer(range(150), range(150)) <= 100, whole, -1.0)
    assert laws.recent[0.9] == pytest.approx((band.max(axis=1) >= 0.9).mean())


def test_a_long_trace_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repetition, "EXACT_LIMIT", 100)
    monkeypatch.setattr(repetition, "SAMPLE", 50)
    vectors = np.random.default_rng(4).normal(size=(150, 4)).tolist()
    laws = describe(trace(*((n, str(n), "x") for n in range(150)), vectors=vectors)).repetition
    assert laws is not None
    assert laws.measured == 50
    assert 0 < laws.hits <= 50


def test_a_real_trace_has_the_published_laws(real5k: Path) -> None:
    made = read_trace(real5k, embeddings=real5k.with_name("real5k.minilm.f16.npy"))
    laws = describe(made)
    assert laws.words == pytest.approx((7, 26, 44, 53))
    assert laws.repeats == pytest.approx(0.13, abs=0.01)
    assert laws.inter_arrival_cv_within_hour == pytest.approx(1.17, abs=0.1)
    assert laws.by_user is not None
    assert laws.by_user.users == 2_117
    found = laws.repetition
    assert found is not None
    assert found.steps == pytest.approx((0.18, 0.26, 0.16, 0.21, 0.19), abs=0.01)
    assert found.thread_cosine == pytest.approx(
        {1: 0.93, 2: 0.89, 5: 0.84, 10: 0.80, 20: 0.75}, abs=0.01
    )
    assert found.nearest_lags is not None
    assert found.nearest_lags[10] == pytest.approx(0.75, abs=0.01)
    assert found.nearest_lags[100] == pytest.approx(0.89, abs=0.02)
    assert found.nearest_lag_median == 4.0
    assert found.own_session == pytest.approx(0.87, abs=0.02)
    # The published shares are of a longer stretch of the same channel.
    earlier = {0.65: 0.73, 0.75: 0.58, 0.8: 0.52, 0.85: 0.47, 0.9: 0.40, 0.95: 0.29}
    assert found.earlier == pytest.approx(earlier, abs=0.04)
