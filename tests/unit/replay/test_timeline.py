import asyncio

import pytest

from chorus_runtime.clock import counted_by
from chorus_runtime.replay.drive import Reply, drive
from chorus_runtime.replay.sent import LATE_S, counts
from chorus_runtime.replay.timeline import closed_chains, open_chains
from chorus_traces.request import Request
from chorus_traces.trace import Trace


def trace(*rows):
    return Trace(
        name="t",
        requests=tuple(
            Request(id=str(number), arrival_s=arrival, prompt="p", user=user)
            for number, (arrival, user) in enumerate(rows)
        ),
    )


def test_an_open_loop_keeps_the_instants_at_the_speed_asked_for():
    chains = open_chains(trace((3.0, "a"), (5.0, "b"), (9.0, "a")), speed=2.0)
    assert [[one.wait_s for one in chain] for chain in chains] == [[0.0], [1.0], [3.0]]


def test_a_closed_loop_chains_users_and_keeps_their_thinking():
    chains = closed_chains(trace((2.0, "a"), (4.0, "b"), (6.0, "a"), (7.0, None)), speed=1.0)
    waits = [[(one.number, one.wait_s) for one in chain] for chain in chains]
    assert waits == [[(0, 0.0), (2, 4.0)], [(1, 2.0)], [(3, 5.0)]]


def driven(chains, send, warm_up=0):
    rows = []
    asyncio.run(drive(chains, send, rows.append, warm_up=warm_up))
    return {row.id: row for row in rows}


def test_an_open_loop_waits_for_no_answer():
    begun, both = [], asyncio.Event()

    async def slow(request):
        begun.append(request.id)
        if len(begun) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), 60)
        return Reply(status=200, kind="fresh")

    rows = driven(open_chains(trace((0.0, "a"), (0.05, "a")), 1.0), slow, warm_up=1)
    assert begun == ["0", "1"]
    assert rows["1"].sent_s <= rows["0"].answered_s
    assert rows["0"].warm_up
    assert not rows["1"].warm_up


def test_a_closed_loop_sends_the_next_after_answer_and_thinking():
    async def slow(request):
        await asyncio.sleep(0.1)
        return Reply(status=200)

    rows = driven(closed_chains(trace((0.0, "a"), (0.05, "a")), 1.0), slow)
    assert rows["1"].planned_s == pytest.approx(rows["0"].answered_s + 0.05)
    assert rows["1"].sent_s >= rows["1"].planned_s


def test_late_starts_are_seen_and_refusals_kept():
    now_s = 0.0

    async def blocking(request):
        # Holds the loop: the next one cannot leave in time.
        nonlocal now_s
        now_s += 5 * LATE_S
        return Reply(status=429, error="queue_full")

    with counted_by(lambda: now_s):
        rows = driven(open_chains(trace((0.0, "a"), (0.001, "b")), 1.0), blocking)
    assert [rows[name].sent_s for name in "01"] == [0, 5 * LATE_S]
    assert rows["1"].late
    assert not rows["0"].late
    assert counts(rows.values()) == {"429": 2}
