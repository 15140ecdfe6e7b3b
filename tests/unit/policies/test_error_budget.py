"""The error budget holds on ground truth that it does not know."""

import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.policies.hand_trace import entry, query

from chorus_policies.entry import Query
from chorus_policies.parts import Setting
from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_policies.reuse.error_budget import Config, ErrorBudget

TABLE = [
    {"similarity": 0.9, "k1": 0.4, "k2": 0.8},
    {"similarity": 0.8, "k1": 0.2},
    {"similarity": 0.7, "k1": 0.1},
]


def make(seed: int = 0, **numbers: Any) -> ErrorBudget:
    chance = random.Random(seed)  # noqa: S311
    config = msgspec.convert({"bands": TABLE} | numbers, Config)
    return ErrorBudget(config, Setting(capacity_bytes=0, chance=chance))


class Run:
    """Requests with one neighbour each, whose results are acceptable by a logistic law."""

    def __init__(
        self, part: ErrorBudget, seed: int, middle: float, *, judge: float = 1.0, lag: int = 0
    ) -> None:
        self.part = part
        self.bad = self.reused = self.requests = 0
        self.worst = 0.0
        self._chance = random.Random(seed)  # noqa: S311
        self._middle = middle
        self._judge = judge
        self._lag = lag
        self._waiting: list[tuple[Query, Plan, bool]] = []

    def serve(self, count: int) -> "Run":
        for _ in range(count):
            self._serve()
        return self

    def _serve(self) -> None:
        similarity = self._chance.randint(7000, 10_000) / 10_000
        differ = self._chance.random() < 0.2
        marks = frozenset(["colour red car"] if differ else [])
        asked = query(self.requests, steps=50, marks=marks)
        donor = entry(10**9, first_step=0, last_step=50)
        plan = self.part.plan(asked, iter([(donor, similarity)]), 0.0)
        self.requests += 1
        if not isinstance(plan, Fresh):
            assert isinstance(plan, Resume | Regional)
            self.reused += 1
            # Deeper reuse and differing words need more similarity.
            need = self._middle + 0.2 * plan.k1 / 50 + 0.1 * differ
            acceptable = self._chance.random() < 1 / (1 + math.exp(-60 * (similarity - need)))
            self.bad += not acceptable
            if self._chance.random() < self._judge:
                self._waiting.append((asked, plan, acceptable))
            self.worst = max(self.worst, self.bad - self.part._config.delta * self.requests)
        if len(self._waiting) > self._lag:
            self.part.judged(*self._waiting.pop(0))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    middle=st.floats(0.5, 1.1),
    delta=st.sampled_from([0.02, 0.05, 0.1, 0.2]),
)
def test_judged_at_once_the_error_rate_is_never_above_delta(
    seed: int, middle: float, delta: float
) -> None:
    run = Run(make(seed, delta=delta, epsilon=delta), seed, middle).serve(3000)
    assert run.reused > 0
    assert run.worst <= 0
    assert run.bad <= delta * run.requests


def test_where_reuse_is_fine_most_of_it_is_allowed_in_time() -> None:
    run = Run(make(delta=0.05, epsilon=0.05), 1, middle=0.5).serve(60_000)
    before = run.reused
    run.serve(5000)
    assert run.reused - before > 4000
    assert run.bad <= 0.05 * run.requests


def test_where_reuse_disappoints_it_is_only_explored() -> None:
    run = Run(make(delta=0.05, epsilon=0.02), 2, middle=1.1).serve(20_000)
    assert 0 < run.reused < 0.03 * run.requests
    assert run.bad <= 0.05 * run.requests


def test_similar_donors_are_trusted_and_others_not() -> None:
    run = Run(make(delta=0.1, epsilon=0.1), 3, middle=0.75).serve(60_000)
    assert run.bad <= 0.1 * run.requests
    part = run.part
    donor = entry(10**9, first_step=0, last_step=50)
    at = {
        similarity: sum(
            not isinstance(
                part.plan(query(10**6 + turn, steps=50), iter([(donor, similarity)]), 0.0), Fresh
            )
            for turn in range(50)
        )
        for similarity in (0.99, 0.71)
    }
    assert at[0.99] == 50
    assert at[0.71] < 25


def test_results_that_are_judged_late_and_seldom_keep_the_rate_too() -> None:
    for seed in range(3):
        part = make(seed, delta=0.05, epsilon=0.02)
        run = Run(part, seed, middle=0.75, judge=0.3, lag=20).serve(20_000)
        assert run.reused > 500
        assert run.bad <= 0.05 * run.requests


def test_without_any_judgement_only_exploring_is_left() -> None:
    run = Run(make(delta=0.05, epsilon=0.02), 4, middle=1.1, judge=0.0).serve(20_000)
    assert 0 < run.reused < 0.025 * run.requests


def test_it_backs_off_when_the_world_changes_and_comes_back() -> None:
    part = make(delta=0.1, epsilon=0.1, memory=2000)
    run = Run(part, 5, middle=0.5).serve(30_000)
    trusted = run.reused
    run._middle = 1.1
    run.serve(30_000)
    before = run.reused
    run.serve(5000)
    assert run.reused - before < 1000
    run._middle = 0.5
    run.serve(60_000)
    before = run.reused
    run.serve(5000)
    assert run.reused - before > 3000
    assert trusted > 10_000


def test_the_same_question_gets_the_same_answer_and_counts_once() -> None:
    part = make(delta=0.5, epsilon=0.5)
    donor = entry(1, first_step=0, last_step=50)
    explored = 0
    for turn in range(200):
        answers = [part.plan(query(turn, steps=50), iter([(donor, 0.95)]), 0.0) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        explored += not isinstance(answers[0], Fresh)
    assert 50 < explored < 150
    ledger = part._ledgers["one"]
    assert ledger.with_donor == 200
    assert ledger.reused == explored


def share_reused(part: ErrorBudget, namespace: str, *, first: int, similarity: float) -> float:
    donor = entry(10**9, first_step=0, last_step=50, namespace=namespace)
    plans = [
        part.plan(
            query(first + turn, steps=50, namespace=namespace), iter([(donor, similarity)]), 0.0
        )
        for turn in range(200)
    ]
    return sum(not isinstance(plan, Fresh) for plan in plans) / len(plans)


def judge_all(part: ErrorBudget, namespace: str, *, first: int, acceptable: bool) -> None:
    donor = entry(10**9, first_step=0, last_step=50, namespace=namespace)
    for number in range(first, first + 3000):
        asked = query(number, steps=50, namespace=namespace)
        part.judged(asked, part.plan(asked, iter([(donor, 0.95)]), 0.0), acceptable)


def test_what_one_namespace_learns_holds_in_another_until_it_is_contradicted_there() -> None:
    part = make(delta=0.1, epsilon=0.1)
    judge_all(part, "one", first=0, acceptable=True)
    assert share_reused(part, "two", first=10_000, similarity=0.95) > 0.9
    # Elsewhere everything disappoints, and only there is it given up.
    judge_all(part, "two", first=20_000, acceptable=False)
    assert share_reused(part, "two", first=30_000, similarity=0.95) < 0.1
    judge_all(part, "one", first=40_000, acceptable=True)
    assert share_reused(part, "one", first=50_000, similarity=0.95) > 0.9


def test_more_is_reused_the_fewer_disappoint_and_no_bucket_exceeds_delta() -> None:
    shares = []
    for truly_bad in (0.05, 0.2, 0.4):
        part = make(delta=0.1, epsilon=0.1)
        chance = random.Random(7)  # noqa: S311
        donor = entry(10**9, first_step=0, last_step=0)
        reused = bad = 0
        for number in range(20_000):
            asked = query(number, steps=50)
            # No band but the last: its k1 has no half that the donor holds.
            plan = part.plan(asked, iter([(donor, 0.75)]), 0.0)
            if isinstance(plan, Fresh):
                continue
            reused += 1
            acceptable = chance.random() >= truly_bad
            bad += not acceptable
            part.judged(asked, plan, acceptable)
        shares.append(reused / 20_000)
        assert bad <= 0.1 * 20_000
    assert shares[0] > 0.9
    assert 0.4 < shares[1] < 0.5
    assert 0.2 < shares[2] < 0.25


def test_half_the_depth_is_used_where_the_whole_is_not_trusted() -> None:
    part = make(delta=0.1, epsilon=0.1)
    donor = entry(1, first_step=0, last_step=50)
    halves = 0
    for turn in range(20_000):
        asked = query(turn, steps=50)
        plan = part.plan(asked, iter([(donor, 0.95)]), 0.0)
        if not isinstance(plan, Fresh):
            # Only k1 <= 10 is acceptable, and the bands ask for 20.
            halves += plan.k1 == 10  # type: ignore[union-attr]
            part.judged(asked, plan, plan.k1 <= 10)  # type: ignore[union-attr]
    assert halves > 15_000


def test_what_was_not_planned_or_was_judged_before_teaches_nothing() -> None:
    part = make(delta=0.9, epsilon=0.9)
    asked = query(7, steps=50)
    part.judged(asked, Fresh(reason=""), acceptable=False)
    part.judged(asked, Resume(donor=1, similarity=0.9, k1=5, reason=""), acceptable=False)
    donor = entry(1, first_step=0, last_step=50)
    turn, plan = 0, part.plan(query(0, steps=50), iter([(donor, 0.95)]), 0.0)
    while isinstance(plan, Fresh):
        turn += 1
        plan = part.plan(query(turn, steps=50), iter([(donor, 0.95)]), 0.0)
    for _ in range(3):
        part.judged(query(turn, steps=50), plan, acceptable=False)
    assert (part._all.judged, part._all.bad) == (1, 1)


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"delta": 0.0}, "delta is 0.0"),
        ({"delta": 0.05, "epsilon": 0.06}, "epsilon is 0.06"),
        ({"epsilon": 0.0}, "epsilon is 0.0"),
        ({"confidence": 0.5}, "confidence is 0.5"),
        ({"memory": 1}, "memory is 1"),
        ({"lexical": "no"}, "lexical is 'no'"),
        ({"bands": []}, "bands is empty"),
        ({"bands": TABLE[::-1]}, "band 0.8 follows 0.7; similarities must fall"),
    ],
)
def test_impossible_numbers_are_refused(numbers: dict[str, Any], complaint: str) -> None:
    # A part may only be built of what its config has let pass.
    with pytest.raises(msgspec.ValidationError, match=complaint):
        make(**numbers)
