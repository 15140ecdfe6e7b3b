"""The lexical gate, the break-even gate, and the linear rule."""

from typing import Any

import msgspec
import pytest
from unit.policies.hand_trace import Scripted, entry, query

from chorus_policies.entry import Entry
from chorus_policies.marks import marks_of
from chorus_policies.parts import Setting
from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_policies.reuse import bands, linear

TABLE = [
    {"similarity": 0.9, "k1": 0.4, "k2": 0.8, "active_share": 0.25},
    {"similarity": 0.7, "k1": 0.1},
]


def make(**numbers: Any) -> bands.Bands:
    config = msgspec.convert({"bands": TABLE} | numbers, bands.Config)
    return bands.Bands(config, Setting(capacity_bytes=0, chance=Scripted()))


def make_linear(**numbers: Any) -> linear.Linear:
    config = msgspec.convert(numbers, linear.Config)
    return linear.Linear(config, Setting(capacity_bytes=0, chance=Scripted()))


def donor(key: int, prompt: str) -> Entry:
    return entry(key, first_step=0, last_step=10, marks=marks_of(prompt))


def plan(part: Any, prompt: str, *near: tuple[Entry, float], **changes: Any) -> Plan:
    answer: Plan = part.plan(query(9, marks=marks_of(prompt), **changes), iter(near), 0.0)
    return answer


THREE_BLUE = donor(1, "three blue cars")
TWO_RED = donor(2, "a pair of red cars")


def test_without_the_gate_words_do_not_matter() -> None:
    assert isinstance(plan(make(), "two red cars", (THREE_BLUE, 0.95)), Regional)


def test_reject_takes_the_next_donor_whose_words_do_not_differ() -> None:
    answer = plan(make(lexical="reject"), "two red cars", (THREE_BLUE, 0.97), (TWO_RED, 0.91))
    assert isinstance(answer, Regional)
    assert answer.donor == 2


def test_reject_plans_nothing_where_all_words_differ() -> None:
    answer = plan(make(lexical="reject"), "two red cars", (THREE_BLUE, 0.97))
    assert answer == Fresh(reason="words differ")


def test_early_uses_such_a_donor_up_to_the_lowest_bands_k1() -> None:
    answer = plan(make(lexical="early"), "two red cars", (THREE_BLUE, 0.97))
    assert answer == Resume(
        donor=1,
        similarity=0.97,
        k1=1,
        amplification=8.0,
        reason="words differ: early steps only",
    )


def test_early_prefers_a_donor_further_away_whose_words_do_not_differ() -> None:
    answer = plan(make(lexical="early"), "two red cars", (THREE_BLUE, 0.97), (TWO_RED, 0.91))
    assert isinstance(answer, Regional)
    assert answer.donor == 2


def test_early_uses_no_srd_even_where_the_lowest_band_has_some() -> None:
    table = [{"similarity": 0.9, "k1": 0.2, "k2": 0.5}]
    answer = plan(make(lexical="early", bands=table), "two red cars", (THREE_BLUE, 0.97))
    assert isinstance(answer, Resume)
    assert answer.k1 == 2


def test_early_refuses_where_the_lowest_band_resumes_nothing() -> None:
    table = [{"similarity": 0.9, "k1": 0.0, "k2": 0.5}]
    answer = plan(make(lexical="early", bands=table), "two red cars", (THREE_BLUE, 0.97))
    assert answer == Fresh(reason="words differ")


def test_prompts_without_marks_pass_the_gate() -> None:
    answer = plan(make(lexical="reject"), "a castle", (donor(1, "a castle on a hill"), 0.95))
    assert isinstance(answer, Regional)


def test_reuse_that_costs_more_than_it_saves_is_not_planned() -> None:
    # Resuming saves 1 step of 1 s; it loads one latent.
    near = (donor(1, "a castle"), 0.8)
    part = make(break_even=True)
    assert isinstance(plan(part, "a castle", near, overhead_s=0.5, load_latent_s=0.4), Resume)
    answer = plan(part, "a castle", near, overhead_s=0.5, load_latent_s=0.5)
    assert answer == Fresh(reason="reuse costs more than it saves")
    assert isinstance(plan(make(), "a castle", near, overhead_s=0.5, load_latent_s=0.5), Resume)


def test_where_srd_does_not_pay_full_reuse_may() -> None:
    # SRD over steps 4 to 8 saves 4 + 3 x 0.75 = 6.25 s and loads five latents; full reuse saves
    # 4 s and loads one.
    near = (donor(1, "a castle"), 0.95)
    part = make(break_even=True)
    assert isinstance(plan(part, "a castle", near, load_latent_s=1.2), Regional)
    assert plan(part, "a castle", near, load_latent_s=1.3) == Resume(
        donor=1, similarity=0.95, k1=4, amplification=8.0, reason="similarity >= 0.9"
    )
    assert isinstance(plan(part, "a castle", near, load_latent_s=4.0), Fresh)


def test_on_a_four_step_model_a_slow_load_is_worse_than_a_step() -> None:
    near = (donor(1, "a castle"), 0.95)
    table = [{"similarity": 0.9, "k1": 0.25}]
    part = make(break_even=True, bands=table)
    fast = {"steps": 4, "step_s": 0.1}
    assert isinstance(plan(part, "a castle", near, overhead_s=0.12, **fast), Fresh)
    assert isinstance(plan(part, "a castle", near, overhead_s=0.02, **fast), Resume)


def test_linear_rises_from_least_at_the_threshold_to_most_at_a_copy() -> None:
    part = make_linear()
    # Of 40 steps: 5 at 0.75, half way 12.5, at 1.0 all of 20.
    k1 = [
        plan(part, "", (donor(1, ""), similarity), steps=40).k1  # type: ignore[union-attr]
        for similarity in (0.75, 0.875, 1.0)
    ]
    assert k1 == [5, 12, 20]
    assert part.floor() == 0.75
    assert part.span(40) == (1, 0)


def test_linear_reads_no_further_than_the_nearest() -> None:
    read = []

    def neighbours() -> Any:
        for key in (3, 2):
            read.append(key)
            yield donor(key, ""), 0.8

    answer = make_linear().plan(query(9, steps=40), neighbours(), 0.0)
    assert isinstance(answer, Resume)
    assert answer.donor == 3
    assert read == [3, 2]


def test_linear_has_the_same_gates() -> None:
    near = ((THREE_BLUE, 0.95), (TWO_RED, 0.9))
    rejecting = plan(make_linear(lexical="reject"), "two red cars", *near, steps=40)
    assert isinstance(rejecting, Resume)
    assert rejecting.donor == 2
    early = plan(make_linear(lexical="early"), "two red cars", near[0], steps=40)
    assert isinstance(early, Resume)
    assert early.k1 == 5
    part = make_linear(break_even=True)
    assert isinstance(plan(part, "", (donor(1, ""), 1.0), steps=40, overhead_s=20.0), Fresh)
    assert plan(make_linear(lexical="reject"), "two red cars", near[0]) == Fresh(
        reason="words differ"
    )


@pytest.mark.parametrize(
    ("config", "numbers", "complaint"),
    [
        (bands.Config, {"bands": TABLE, "lexical": "maybe"}, "lexical is 'maybe'"),
        (bands.Config, {"bands": TABLE, "break_even": 1}, "Expected `bool`"),
        (linear.Config, {"lexical": "on"}, "lexical is 'on'"),
        (linear.Config, {"similarity": 1.0}, "similarity is 1.0"),
        (linear.Config, {"least": 0.6}, "least is 0.6 and most 0.5"),
        (linear.Config, {"most": 1.0}, "most 1.0"),
    ],
)
def test_impossible_numbers_are_refused(config: Any, numbers: Any, complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.convert(numbers, config)
