"""How long silence is borne follows from what pauses there were."""

import pytest

from chorus_runtime.server.patience import Patience


def test_nothing_known_is_borne_long_and_short_pauses_for_the_least_time():
    patience = Patience(5.0)
    assert patience.limit_s("step") == 600
    assert Patience(1000.0).limit_s("step") == 1000
    patience.seen("step", 0.1)
    assert patience.limit_s("step") == 5
    assert patience.limit_s("decode") == 600


def test_ten_times_the_longest_pause_of_late_is_borne():
    patience = Patience(5.0)
    for pause_s in (1.0, 3.0, 2.0):
        patience.seen("step", pause_s)
    assert patience.limit_s("step") == 30
    for _ in range(200):
        patience.seen("step", 0.1)
    assert patience.limit_s("step") == 5


def test_work_larger_than_any_before_gets_time_by_the_square():
    patience = Patience(5.0)
    patience.seen("step", 1.0, size=100)
    patience.seen("step", 0.1, size=10)
    assert patience.limit_s("step", 50) == pytest.approx(10)
    assert patience.limit_s("step", 300) == pytest.approx(90)
    patience.seen("step", 2.0, size=300)
    assert patience.limit_s("step", 300) == pytest.approx(20)


def test_a_pause_of_this_process_itself_does_not_make_hangs_go_unseen():
    patience = Patience(5.0)
    patience.seen("step", 0.1)
    patience.seen("step", 1e6)
    assert patience.limit_s("step") == 50
