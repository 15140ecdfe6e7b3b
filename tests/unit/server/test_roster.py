"""Which hand is given to whom, without a cluster: the dead, the doubtful and their memory."""

import pytest

from chorus_runtime.clock import Clock, counted_by
from chorus_runtime.server.far.gone import HandGoneError, HandsLostError, Tries
from chorus_runtime.server.far.roster import Roster

DONOR = (0, (0.5,), True)


class Seconds:
    now = 0.0


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def roster(seconds):
    with counted_by(lambda: seconds.now):
        return Roster(["a", "b"], Clock(), doubt_s=3.0)


def test_a_hand_that_went_is_nobodys_until_it_is_back_and_has_forgotten_its_donors(roster):
    first = roster.take(None, 0, 1.0)
    roster.give_back(first, 1.0)
    first.tokens.add(DONOR)
    assert roster.take(DONOR, 10**9, 1.0) is first
    assert roster.went(first, 0, "froze")
    # Who comes late to the same news does nothing.
    assert not roster.went(first, 0, "died")
    roster.give_back(first)
    second = roster.take(DONOR, 10**9, 1.0)
    assert second is not first
    assert roster.one(1.0) is second
    assert (roster.health().here, roster.health().hung, roster.health().died) == (1, 1, 0)
    roster.came_back(first, "another process")
    assert not first.tokens
    assert roster.take(DONOR, 10**9, 1.0) is first
    assert roster.health().busy == (0, 1)


def test_a_hand_that_left_out_signs_is_taken_last(roster, seconds):
    one, other = roster.hands
    seconds.now = 5.0
    roster.heard(other)
    assert roster.one(1.0) is other
    assert roster.take(None, 0, 1.0) is other
    assert roster.health().silent_s == (5.0, 0.0)
    roster.give_back(other)
    roster.heard(one)
    assert roster.one(1.0) is other
    assert roster.take(None, 0, 1.0) is one


def test_where_all_are_away_for_too_long_it_is_said(roster, seconds, monkeypatch):
    for hand in roster.hands:
        roster.went(hand, 0, "died")
    assert roster.health().trouble == "none of 2 workers elsewhere answers"
    monkeypatch.setattr(
        roster._changed, "wait", lambda timeout: setattr(seconds, "now", seconds.now + timeout)
    )
    for waits in (lambda: roster.one(7.0), lambda: roster.take(None, 0, 7.0)):
        began = seconds.now
        with pytest.raises(HandsLostError, match="none came back in 7 s"):
            waits()
        assert seconds.now - began == pytest.approx(7.0, abs=0.2)


def test_a_request_may_lose_three_hands_or_hang_one():
    died, hung = HandGoneError(hung=False), HandGoneError(hung=True)
    tries = Tries(4)
    tries.again(hung, began=True)
    with pytest.raises(HandsLostError, match="2 workers elsewhere fell silent"):
        tries.again(hung, began=True)
    tries = Tries(4)
    # A machine of four that ended before is not its doing.
    for _ in range(4):
        tries.again(died, began=False)
    tries.again(died, began=True)
    tries.again(died, began=True)
    assert tries.lost == 2
    with pytest.raises(HandsLostError, match="7 workers elsewhere died"):
        tries.again(died, began=True)
    tries = Tries(1)
    for _ in range(4):
        tries.again(died, began=False)
    with pytest.raises(HandsLostError, match="5 workers elsewhere died"):
        tries.again(died, began=False)
