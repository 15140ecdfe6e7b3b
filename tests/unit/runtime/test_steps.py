import pytest
from unit.runtime.tiny import fresh, regional, resume

from chorus_policies.plan import Copy
from chorus_runtime.steps import step_counts, step_schedule
from chorus_traces.errors import EngineError


def kinds(plan, steps=10, every=4, must_record=()) -> str:
    letters = {"skip": "-", "record": "R", "region": "r", "full": "F"}
    schedule = step_schedule(plan, steps, every, must_record)
    assert [step.number for step in schedule] == list(range(steps))
    return "".join(letters[step.kind] for step in schedule)


def test_a_fresh_run_is_full_throughout():
    assert kinds(fresh()) == "FFFFFFFFFF"


def test_full_reuse_skips_up_to_k1():
    assert kinds(resume(4)) == "----FFFFFF"


def test_srd_records_first_and_every_nth_step_then_repairs():
    assert kinds(regional(2, 8)) == "--RrrrRrFF"
    assert kinds(regional(2, 8), every=3) == "--RrrRrrFF"
    assert kinds(regional(2, 8), every=1) == "--RRRRRRFF"
    assert kinds(regional(0, 10), every=99) == "Rrrrrrrrrr"


def test_srd_of_no_steps_is_full_reuse():
    assert kinds(regional(3, 3)) == "---FFFFFFF"


def test_another_expert_must_record():
    assert kinds(regional(2, 8), must_record=[4]) == "--RrRrRrFF"


def test_the_counts_add_up():
    counts = step_counts(step_schedule(regional(2, 8), 10, 4))
    assert counts == {"skip": 2, "record": 2, "region": 4, "full": 2}


def test_a_copy_needs_no_engine():
    with pytest.raises(EngineError, match="answered from the store"):
        step_schedule(Copy(donor=1), 10, 4)


@pytest.mark.parametrize(("plan", "steps"), [(resume(11), 10), (regional(5, 3), 10), (fresh(), 0)])
def test_a_plan_that_does_not_fit_is_refused(plan, steps):
    with pytest.raises(EngineError, match="0 <= k1 <= k2 <= steps"):
        step_schedule(plan, steps, 4)
