"""The generator as a function: what it promises for any spec."""

import itertools

import msgspec
import pytest

from chorus_traces.errors import TraceError
from chorus_traces.synth import SynthSpec, generate

SPEC = SynthSpec(requests=2_000, requests_per_hour=200.0)


def test_equal_seeds_give_equal_requests() -> None:
    assert generate(SPEC, seed=7).sha256() == generate(SPEC, seed=7).sha256()


def test_other_seeds_give_other_requests() -> None:
    assert generate(SPEC, seed=7).sha256() != generate(SPEC, seed=8).sha256()


@pytest.mark.parametrize("requests", [1, 2, 59, 1_000, 1_001])
def test_a_trace_has_exactly_the_requests_asked_for(requests: int) -> None:
    trace = generate(SynthSpec(requests=requests), seed=requests)
    assert len(trace) == requests
    assert len({request.id for request in trace.requests}) == requests


def test_the_span_follows_from_requests_and_rate() -> None:
    trace = generate(SynthSpec(requests=3_000, requests_per_hour=300.0, daily_cycle=0.0), seed=1)
    assert trace.requests[-1].arrival_s == pytest.approx(36_000, rel=0.02)
    assert trace.requests[-1].arrival_s <= 36_000


def test_what_a_session_asks_for_leaves_words_and_instants_alone() -> None:
    other = msgspec.structs.replace(SPEC, hd_share=0.9, negative_share=0.0, seed_share=0.5)
    for before, after in zip(
        generate(SPEC, seed=7).requests, generate(other, seed=7).requests, strict=True
    ):
        assert (before.arrival_s, before.prompt) == (after.arrival_s, after.prompt)
        assert before.user == after.user


def test_sessions_of_many_users_interleave() -> None:
    requests = generate(SPEC, seed=7).requests
    switches = sum(before.user != after.user for before, after in itertools.pairwise(requests))
    assert switches > 0.6 * len(requests)


def test_sessions_of_one_user_do_not_overlap() -> None:
    threads: dict[tuple[str | None, str], list[float]] = {}
    for request in generate(SynthSpec(requests=20_000), seed=2).requests:
        key = (request.user, str(request.extra["thread"]))
        threads.setdefault(key, []).append(request.arrival_s)
    spans: dict[str | None, list[tuple[float, float]]] = {}
    for (user, _), instants in threads.items():
        spans.setdefault(user, []).append((instants[0], instants[-1]))
    compared = 0
    for own in spans.values():
        own.sort()
        for before, after in itertools.pairwise(own):
            assert before[1] <= after[0]
            compared += 1
    assert compared > 1_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jump_share": 1.5}, "jump_share is 1.5; a share between 0 and 1 is needed"),
        ({"requests": 0}, "requests is 0; a number > 0 is needed"),
        ({"gap_sigma": -1.0}, "gap_sigma is -1.0; a number >= 0 is needed"),
        ({"tenants": ()}, r"tenants is \(\); at least one share > 0 is needed"),
    ],
)
def test_impossible_knobs_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(TraceError, match=message):
        SynthSpec(**change)  # type: ignore[arg-type]


def test_an_unknown_knob_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="jump_shar"):
        msgspec.convert({"jump_shar": 0.1}, SynthSpec)


@pytest.mark.parametrize("knob", ["jump_share", "resend_share", "back_share", "theme_share"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_extreme_shares_still_make_a_trace(knob: str, value: float) -> None:
    spec = msgspec.structs.replace(SPEC, requests=300, **{knob: value})
    assert len(generate(spec, seed=1)) == 300


def test_more_jumps_mean_more_threads() -> None:
    def threads(jump_share: float) -> int:
        spec = msgspec.structs.replace(SPEC, jump_share=jump_share)
        return len({str(r.extra["thread"]) for r in generate(spec, seed=1).requests})

    assert threads(0.0) < threads(0.25) < threads(0.8)
