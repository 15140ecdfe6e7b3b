"""The step schedule of the runtime and the cost model's count agree, whatever the plan."""

from hypothesis import event, given
from hypothesis import strategies as st

from chorus_policies.costs.work import work_of
from chorus_policies.plan import Fresh, Plan, Regional, Resume, reused_steps
from chorus_runtime.steps import step_counts, step_schedule


@st.composite
def plans(draw: st.DrawFn) -> tuple[Plan, int]:
    steps = draw(st.integers(1, 60))
    k1 = draw(st.integers(0, steps))
    kind = draw(st.sampled_from(["fresh", "resume", "regional"]))
    if kind == "fresh":
        return Fresh(reason="drawn"), steps
    if kind == "resume":
        return Resume(donor=0, similarity=0.9, k1=k1, reason="drawn"), steps
    k2 = draw(st.integers(k1, steps))
    plan = Regional(
        donor=0,
        similarity=0.9,
        k1=k1,
        k2=k2,
        active_share=0.25,
        amplification=4.0,
        reason="drawn",
    )
    return plan, steps


@given(plans(), st.integers(1, 12))
def test_the_schedule_counts_as_the_cost_model_counts(drawn, every):
    plan, steps = drawn
    counts = step_counts(step_schedule(plan, steps, every))
    work = work_of(plan, steps, every)
    event(f"srd steps {'some' if work.srd_steps else 'none'}")
    assert counts["full"] + counts["record"] == work.full_steps
    assert counts["region"] == work.srd_steps
    assert counts["skip"] == reused_steps(plan)[0]


@given(plans(), st.integers(1, 12), st.frozensets(st.integers(0, 60), max_size=4))
def test_more_records_replace_region_steps_and_nothing_else(drawn, every, extra):
    plan, steps = drawn
    plain = step_counts(step_schedule(plan, steps, every))
    more = step_counts(step_schedule(plan, steps, every, extra))
    assert more["record"] - plain["record"] == plain["region"] - more["region"] >= 0
    assert (more["skip"], more["full"]) == (plain["skip"], plain["full"])
