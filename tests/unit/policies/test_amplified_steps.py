import pytest

from chorus_policies.costs.work import amplified_steps
from chorus_policies.plan import Copy, Fresh, Regional, Resume


def resume(k1: int, amplification: float = 8.0) -> Resume:
    return Resume(donor=0, similarity=0.9, k1=k1, amplification=amplification, reason="")


def regional(k1: int, k2: int) -> Regional:
    return Regional(
        donor=0, similarity=0.9, k1=k1, k2=k2, active_share=0.3, amplification=8.0, reason=""
    )


@pytest.mark.parametrize(
    ("plan", "steps", "amplified"),
    [
        (resume(10), 50, 8),
        (resume(45), 50, 5),
        (resume(1), 4, 1),
        (resume(10, 1.0), 50, 0),
        (regional(10, 40), 50, 8),
        (regional(10, 13), 50, 3),
        (Fresh(reason=""), 50, 0),
        (Copy(donor=0), 50, 0),
    ],
)
def test_tgaa_acts_in_a_sixth_of_the_steps_from_k1_on(plan, steps, amplified) -> None:
    assert amplified_steps(plan, steps) == amplified
