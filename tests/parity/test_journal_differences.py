"""A replay sees every bit of a journal that differs, and what a killed writer left unfinished."""

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES, Query
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal, JournalRow
from chorus_policies.live.calls import Call
from chorus_policies.plan import Fresh
from chorus_policies.policy import load_policy, parse_policy
from chorus_policies.tier import TierSpec
from chorus_sim.live.replay_journal import compare_rows

POLICY = load_policy("lru")
FACTS = SimpleNamespace(
    tiers=(TierSpec(name="host", capacity_bytes=3 * (OVERHEAD_BYTES + 500)),), seed=0
)


def query(sequence: int) -> Query:
    vector = np.ones(8) + 0.1 * np.eye(8)[sequence % 5]
    return Query(
        sequence=sequence,
        namespace="n",
        identity=f"{sequence // 2}",
        steps=10,
        latent_bytes=10,
        result_bytes=0,
        embedding=(vector / np.linalg.norm(vector)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def run() -> tuple[list[Call], list[JournalRow]]:
    """Return the calls of a small run and the journal they write; it ends with a removal."""
    journal, calls = Journal(), []
    cache = Cache(POLICY, FACTS.tiers, MatrixIndex(), journal, ghost_index=MatrixIndex())
    for number in range(20):
        asked, now = query(number), float(number)
        calls.append(Call(name="lookup", now_s=now, query=asked))
        plan = cache.lookup(asked, now)
        if not isinstance(plan, Fresh):
            calls.append(Call(name="release", now_s=now, key=plan.donor))
            cache.release(plan.donor, now)
        calls.append(Call(name="store", now_s=now, query=asked, plan=plan, cost_s=1.0))
        cache.store(asked, plan, 1.0, now)
    left = max(row.key for row in journal.rows if row.call == "store" and row.answer == "host")
    calls.append(Call(name="remove", now_s=20.0, key=left))
    cache.remove(left, 20.0)
    return calls, journal.rows


def compared(calls, rows):
    return compare_rows(calls, rows, FACTS, POLICY)  # type: ignore[arg-type]


def test_the_run_holds_what_is_to_be_compared(run):
    calls, rows = run
    assert {row.call for row in rows} >= {"lookup", "release", "store", "evict", "remove"}
    assert {row.answer for row in rows if row.call == "lookup"} >= {"fresh", "regional", "copy"}
    done = compared(calls, rows)
    assert (done.difference, done.torn) == (None, "")
    assert (done.calls, done.rows) == (len(calls), len(rows))


@pytest.mark.parametrize("field", JournalRow.__struct_fields__)
def test_a_field_that_differs_is_found_where_it_is(run, field):
    calls, rows = run
    place = next(n for n, row in enumerate(rows) if row.answer == "regional")
    had = getattr(rows[place], field)
    if isinstance(had, str):
        other = {"call": "find_copy", "answer": "resume"}[field]
    else:
        other = had + 1 if isinstance(had, int) else float(np.nextafter(had, 99))
    changed = [*rows]
    changed[place] = msgspec.structs.replace(rows[place], **{field: other})
    found = compared(calls, changed).difference
    assert found.row == place
    assert (found.logged, found.replayed) == (changed[place], rows[place])


def test_a_row_that_is_missing_or_one_too_many_is_found(run):
    calls, rows = run
    place = next(n for n, row in enumerate(rows) if row.call == "evict")
    assert compared(calls, rows[:place] + rows[place + 1 :]).difference.row == place
    twice = rows[: place + 1] + rows[place:]
    assert compared(calls, twice).difference.row == place + 1
    beyond = compared(calls, [*rows, rows[0]]).difference
    assert (beyond.row, beyond.logged, beyond.replayed) == (len(rows), rows[0], None)


def test_rows_of_a_driver_are_passed_over(run):
    calls, rows = run
    fell = msgspec.structs.replace(rows[0], call="fallback")
    done = compared(calls, [*rows[:5], fell, *rows[5:]])
    assert (done.difference, done.drivers_rows, done.rows) == (None, 1, len(rows))


def test_the_last_call_may_lack_its_rows_and_no_earlier_one(run):
    calls, rows = run
    done = compared(calls, rows[:-1])
    assert done.difference is None
    assert "the journal ends before the rows of the last call (remove)" in done.torn
    done = compared(calls, rows[:-2])
    assert done.torn == ""
    assert done.difference.logged is None


def test_the_last_removal_may_lack_its_call_and_nothing_else(run):
    calls, rows = run
    done = compared(calls[:-1], rows)
    assert done.difference is None
    assert "the call log ends before the call of the last removal (remove)" in done.torn
    done = compared(calls[:-2], rows)
    assert done.torn == ""
    assert done.difference.replayed is None


def test_the_last_run_that_was_abandoned_may_lack_its_call():
    """The row is the cache's, the call is noted after it; a process can be killed in between."""
    journal, asked = Journal(), query(0)
    facts = SimpleNamespace(tiers=(TierSpec(name="host", capacity_bytes=10**8),), seed=0)
    policy = parse_policy("base = 'lru'\nentry.in_flight = true", where="test", name="test")
    cache = Cache(policy, facts.tiers, MatrixIndex(), journal)
    plan = cache.lookup(asked, 0.0)
    assert cache.publish(asked, plan, 1.0, 1.0).tier == "host"
    cache.abandon(asked, 2.0)
    calls = [
        Call(name="lookup", now_s=0.0, query=asked),
        Call(name="publish", now_s=1.0, query=asked, plan=plan, cost_s=1.0),
    ]
    assert [row.call for row in journal.rows] == ["lookup", "publish", "abandon"]
    done = compare_rows(calls, journal.rows, facts, policy)  # type: ignore[arg-type]
    assert done.difference is None
    assert "the call log ends before the call of the last removal (abandon)" in done.torn
    done = compare_rows(calls[:-1], journal.rows, facts, policy)  # type: ignore[arg-type]
    assert done.torn == ""
    assert done.difference.replayed is None


def test_a_call_that_the_cache_refuses_is_a_difference(run):
    calls, rows = run
    odd = Call(name="release", now_s=20.0, key=999)
    found = compared([*calls, odd], rows).difference
    assert "release was refused" in found.error
