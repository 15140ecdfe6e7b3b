"""What a worker needs to begin is told from what a request waits for."""

import msgspec
import pytest
from blank_record import blank_record

from chorus_sim.live.pick_up import MOST_S, begun_at_pick_up, pick_ups


def record(name, arrival_s, start_s, held_s, worker=0):
    return blank_record(
        id=name,
        arrival_s=arrival_s,
        start_s=start_s,
        held_s=held_s,
        finish_s=start_s + held_s,
        worker=worker,
    )


def test_it_counts_from_the_later_of_arrival_and_a_free_worker():
    rows = [
        record("finds it idle", 1.0, 1.002, 0.5),
        record("waited in line", 1.1, 1.505, 0.5),
        record("on the other worker", 1.2, 1.201, 0.1, worker=1),
    ]
    assert pick_ups(rows) == {
        "finds it idle": pytest.approx(0.002),
        "waited in line": pytest.approx(0.003),
        "on the other worker": pytest.approx(0.001),
    }


def test_a_worker_is_free_once_it_has_stored_what_it_answered_before():
    busy = msgspec.structs.replace(record("stores", 1.0, 1.0, 0.5), finish_s=1.3)
    assert pick_ups([busy, record("next", 1.1, 1.504, 0.5)])["next"] == pytest.approx(0.004)


def test_who_waited_for_something_else_or_for_nobody_is_left_out():
    rows = [record("late", 1.0, 1.0 + 2 * MOST_S, 0.5), record("copy", 2.0, 2.01, 0.0, worker=-1)]
    assert pick_ups(rows) == {}


def test_a_record_begins_earlier_and_ends_when_it_did():
    before = record("one", 1.0, 1.002, 0.5)
    after = begun_at_pick_up({"one": before}, {"one": 0.002})["one"]
    assert after.start_s == pytest.approx(1.0)
    assert after.held_s == pytest.approx(0.502)
    assert after.finish_s == before.finish_s
