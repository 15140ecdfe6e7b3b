"""Priced sizing: jumps to the size with the largest net value, once staying has cost enough."""

import random

import pytest

from chorus_policies.parts import Prices, Setting
from chorus_policies.sizing.priced import Config, Priced

GIB = 2**30


def make(**numbers: float) -> Priced:
    setting = Setting(capacity_bytes=8 * GIB, chance=random.Random(0))  # noqa: S311
    part = Priced(Config(**({"least_share": 0.24} | numbers)), setting)
    # One GPU-second costs a dollar, a GiB costs a cent a second.
    part.priced(Prices(gpu_usd_per_s=1.0, usd_per_byte_s=0.01 / GIB))
    return part


def serve(
    part: Priced,
    saved_s: list[float],
    *,
    begin: float = 0.0,
    requests: int = 30,
    gap_s: float = 8.0,
    full: int = 5,
    whole_s: float = 1.0,
) -> list[tuple[float, str]]:
    """Ask with the same savings again and again; return when and why the capacity changed."""
    changes = []
    for number in range(requests):
        now = begin + number * gap_s
        reason = part.looked_up(saved_s, whole_s, full, now)
        if reason is not None:
            changes.append((now, reason))
    return changes


def test_sizes_are_half_an_octave_apart_up_to_the_scenarios() -> None:
    sizes = make().sizes()
    assert [round(size / GIB, 2) for size in sizes] == [2.0, 2.83, 4.0, 5.66, 8.0]
    assert make().capacity(0.0) == 2 * GIB


def test_it_jumps_to_the_best_size_and_says_why() -> None:
    part = make()
    changes = serve(part, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert len(changes) == 1
    now, reason = changes[0]
    assert part.capacity(now) == 8 * GIB
    # Four seconds of 8, 0.5 $ a second, are 1800 $ an hour; 6 GiB cost 216 $ an hour. Staying gave
    # up the difference for the 8 s since the first request.
    assert reason == (
        "more: from 2.00 to 8.00 GiB saves $1800.0000 and costs $216.0000 an hour; "
        "staying gave up $3.5200"
    )


def test_it_leaves_a_size_that_its_own_uses_show_to_be_too_large() -> None:
    # Every 8 s a request, and 0.08 $ a GiB for them: 2.83 GiB cost 0.066 $ more than 2, 4 cost
    # 0.094 $ more than that, and 5.66 another 0.133 $, which 0.1 s does not save.
    part = make()
    changes = serve(part, [1.0, 2.0, 3.0, 3.1, 3.2], requests=90)
    assert changes[0][1].startswith("more: from 2.00 to 8.00 GiB")
    assert all(reason.startswith("less: ") for _, reason in changes[1:])
    assert part.capacity(8.0 * 90) == 4 * GIB


def test_a_size_in_which_nothing_was_found_is_given_up_the_later_the_cheaper_it_is() -> None:
    # Steps to 4 GiB save a second each, the next ones nothing: two uses at the rate of the step
    # below are worth less and less a request.
    waits = []
    for memory_usd in (0.01, 0.001):
        part = make()
        part.priced(Prices(gpu_usd_per_s=1.0, usd_per_byte_s=memory_usd / GIB))
        changes = serve(part, [1.0, 2.0, 3.0, 3.0, 3.0], requests=2000)
        assert part.capacity(16_000.0) == 4 * GIB
        waits.append(changes[-1][0] / 8.0)
    assert 5 * waits[0] < waits[1]


def test_what_staying_gives_up_adds_up_before_it_changes() -> None:
    # A step saves 0.1 $ a request and costs 0.066 $: staying gives up 0.034 $ each time, and the
    # usual saving is 0.1 $. Patience 1 lets three requests pass, and 3 lets nine.
    waits = []
    for patience in (1.0, 3.0):
        changes = serve(make(patience=patience), [1.0, 1.1, 1.1, 1.1, 1.1], full=2, whole_s=0.1)
        assert [reason[:4] for _, reason in changes] == ["more"]
        waits.append(changes[0][0] / 8.0)
    assert waits == [3.0, 9.0]


def test_savings_smaller_than_the_cost_of_memory_leave_it_small() -> None:
    part = make()
    assert serve(part, [5.0, 5.01, 5.02, 5.03, 5.04], requests=300, whole_s=0.01) == []
    assert part.capacity(3000.0) == 2 * GIB


def test_while_it_fills_it_is_a_size_ahead_of_what_is_full() -> None:
    part = make()
    changes = serve(part, [1.0, 1.0, 1.0, 1.0, 1.0], full=0, requests=2)
    assert [now for now, _ in changes] == [8.0]
    assert round(part.capacity(8.0) / GIB, 2) == 2.83
    serve(part, [1.0, 2.0, 3.0, 3.0, 3.0], full=2, begin=16.0, requests=1)
    assert round(part.capacity(16.0) / GIB, 2) == 5.66


def test_once_a_size_was_too_large_it_never_goes_beyond_what_is_full() -> None:
    part = make()
    serve(part, [5.0, 5.01, 5.02, 5.03, 5.04], requests=300, whole_s=0.01)
    assert part.capacity(2400.0) == 2 * GIB
    serve(part, [1.0, 2.0, 3.0, 4.0, 5.0], begin=2400.0, requests=300, full=2)
    assert part.capacity(4800.0) == 4 * GIB
    serve(part, [1.0, 2.0, 3.0, 4.0, 5.0], begin=4800.0, requests=300)
    assert part.capacity(7200.0) == 8 * GIB


def test_prompts_that_are_never_alike_cost_little_memory() -> None:
    # What nobody has used yet is worth less with every request: two reuses of a whole one over
    # all of them, and a step up no more.
    part = make(least_share=0.01)
    serve(part, [0.0] * 14, requests=3000, full=14, whole_s=60.0)
    assert part.capacity(24_000.0) < GIB


def test_thinner_traffic_makes_it_shrink_within_fifty_requests() -> None:
    part = make()
    serve(part, [1.0, 2.0, 3.0, 4.0, 5.0], requests=300)
    assert part.capacity(3000.0) == 8 * GIB
    # A request in ten minutes: every further GiB costs six dollars and saves one at most.
    changes = serve(part, [1.0, 2.0, 3.0, 4.0, 5.0], begin=3000.0, requests=48, gap_s=600.0)
    assert changes
    assert all(reason.startswith("less: ") for _, reason in changes)
    assert part.capacity(40_000.0) == 2 * GIB


def test_equal_calls_give_equal_answers() -> None:
    one, other = make(), make()
    saved = [1.0, 1.5, 1.9, 2.2, 2.4]
    assert serve(one, saved) == serve(other, saved)


def test_memory_for_nothing_is_all_taken_at_once() -> None:
    part = make()
    part.priced(Prices(gpu_usd_per_s=1.0))
    assert part.capacity(0.0) == 8 * GIB
    assert serve(part, [1.0, 1.0, 1.0, 1.0, 1.0]) == []


def test_gpu_time_for_nothing_is_not_saved() -> None:
    part = make()
    part.priced(Prices(usd_per_byte_s=0.01 / GIB))
    assert serve(part, [1.0, 2.0, 3.0, 4.0, 5.0]) == []
    assert part.capacity(300.0) == 2 * GIB


def test_requests_of_one_instant_are_borne() -> None:
    part = make()
    assert serve(part, [1.0, 2.0, 3.0, 4.0, 5.0], gap_s=0.0) == []


def test_the_least_holds_any_entry_that_asks() -> None:
    part = make()
    part.holds(3 * GIB)
    assert part.capacity(0.0) == 4 * GIB
    serve(part, [5.0, 5.0, 5.0, 5.0, 5.0])
    assert part.capacity(300.0) == 4 * GIB


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"least_share": 0.0}, "least_share"),
        ({"least_share": 1.5}, "least_share"),
        ({"patience": -1.0}, "patience"),
        ({"patience": float("inf")}, "patience"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Config(**numbers)
