"""What requests say and ask for: measured on text-to-video prompts, or stated by the spec."""

import re

import numpy as np
import pytest

from chorus_traces.describe import Description
from chorus_traces.synth import SynthSpec, generate
from chorus_traces.trace import Trace


def test_prompts_are_as_long_as_measured(month_laws: Description) -> None:
    # Measured 4/10/37/111 words.
    low, middle, high, extreme = month_laws.words
    assert low == pytest.approx(4, abs=1)
    assert middle == pytest.approx(10, abs=2)
    assert high == pytest.approx(37, abs=5)
    assert extreme == pytest.approx(111, abs=25)


def test_one_prompt_in_six_carries_parameters(month: Trace) -> None:
    carried = [" -" in request.prompt for request in month.requests]
    assert np.mean(carried) == pytest.approx(0.16, abs=0.03)
    some = next(r.prompt for r in month.requests if " -" in r.prompt)
    assert re.search(r" -(ar|motion|fps|camera) ", some)


def test_three_percent_of_requests_pin_a_seed(month_laws: Description) -> None:
    assert month_laws.seeds == pytest.approx(0.033, abs=0.015)


def test_exact_repeats_lie_between_the_two_measured_shares(month_laws: Description) -> None:
    # 13 % in DiffusionDB order, 29 % by a proxy in GenTD26.
    assert 0.13 < month_laws.repeats < 0.29


def test_a_resubmission_with_a_pinned_seed_takes_a_new_seed(month: Trace) -> None:
    last: dict[str, tuple[str, int]] = {}
    resent = kept = 0
    for request in month.requests:
        if request.seed is None:
            continue
        before = last.get(str(request.extra["thread"]))
        last[str(request.extra["thread"])] = (request.prompt, request.seed)
        if before is not None:
            resent += before[0] == request.prompt
            kept += before[1] == request.seed
            assert before != (request.prompt, request.seed)
    assert resent > 20
    assert kept > 100


def test_sizes_images_and_negative_prompts_follow_their_shares(month_laws: Description) -> None:
    assert month_laws.sizes["1280x720x81"] == pytest.approx(0.2, abs=0.04)
    assert set(month_laws.sizes) == {"832x480x81", "1280x720x81"}
    assert month_laws.conditioning == pytest.approx(0.12, abs=0.03)
    assert month_laws.negative_prompts == pytest.approx(0.25, abs=0.04)


def test_tenants_have_their_shares_and_a_user_has_one_tenant(month: Trace) -> None:
    homes: dict[str | None, set[str | None]] = {}
    for request in month.requests:
        homes.setdefault(request.user, set()).add(request.tenant)
    assert all(len(tenants) == 1 for tenants in homes.values())
    sizes = np.array([sum(f"tenant-{n}" in home for home in homes.values()) for n in range(4)])
    assert sizes / sizes.sum() == pytest.approx([0.5, 0.25, 0.15, 0.1], abs=0.03)


def test_every_request_asks_for_the_steps_of_the_spec(month: Trace) -> None:
    assert {(r.steps, r.guidance, r.model) for r in month.requests} == {(50, 5.0, None)}
    mixed = generate(SynthSpec(requests=2_000, distilled_share=0.5), seed=1)
    assert {(r.steps, r.guidance) for r in mixed.requests} == {(50, 5.0), (4, 1.0)}


def test_a_thread_changes_its_text_by_edits(month: Trace) -> None:
    threads: dict[str, list[str]] = {}
    for request in month.requests:
        threads.setdefault(str(request.extra["thread"]), []).append(request.prompt)
    longest = max(threads.values(), key=len)
    assert len(longest) > 20
    assert 3 < len(set(longest)) < len(longest)
    firsts = {chain[0] for chain in threads.values()}
    assert len(firsts) > 0.9 * len(threads)
