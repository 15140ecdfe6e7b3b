"""How an entry stands with its user: newest, asked beyond, left behind."""

import msgspec
import pytest
from unit.policies.hand_trace import entry, query, resume

from chorus_policies.entry import Entry
from chorus_policies.eviction import standing
from chorus_policies.eviction.pieces import Config, Pieces
from chorus_policies.eviction.standing import ASKED, BEHIND, NEWEST, Users
from chorus_policies.parts import Setting
from chorus_policies.plan import Copy, Fresh

NO_DONOR = Fresh(reason="nothing near")


def made(key: int, user: str | None = "u", namespace: str = "n") -> Entry:
    return msgspec.structs.replace(entry(key), user=user, namespace=namespace)


def pieces_of(*entries: Entry) -> Pieces:
    pieces = Pieces(Config(), Setting(capacity_bytes=0, chance=None))
    for one in entries:
        pieces.admitted(one, 0.0)
    return pieces


def ask(pieces: Pieces, sequence: int, plan: object = NO_DONOR, user: str | None = "u") -> None:
    one = msgspec.structs.replace(query(sequence), user=user, namespace="n")
    pieces.watched(one, plan, iter(()), 0.0)


def standings(pieces: Pieces) -> dict[int, int]:
    return {key: piece.kind.standing for key, piece in pieces._pieces.items()}


def test_a_newer_entry_leaves_the_one_before_behind() -> None:
    assert standings(pieces_of(made(1), made(2))) == {1: BEHIND, 2: NEWEST}


def test_users_of_two_namespaces_are_two_and_nobody_is_none() -> None:
    pieces = pieces_of(made(1), made(2, namespace="m"), made(3, None), made(4, None))
    assert set(standings(pieces).values()) == {NEWEST}
    pieces.admitted(made(5), 0.0)
    assert [key for key, one in standings(pieces).items() if one == BEHIND] == [1]


def test_who_asks_again_goes_beyond_his_newest_entry_at_once() -> None:
    pieces = pieces_of(made(1), made(2), made(3, "v"))
    ask(pieces, 4)
    assert standings(pieces) == {1: BEHIND, 2: ASKED, 3: NEWEST}
    pieces.admitted(made(4), 0.0)
    assert standings(pieces) == {1: BEHIND, 2: BEHIND, 3: NEWEST, 4: NEWEST}


def test_a_donor_of_its_own_user_counts_its_use_before_it_is_asked_beyond() -> None:
    pieces = pieces_of(made(1))
    newest = pieces._pieces[1].kind
    ask(pieces, 2, resume(1))
    assert standings(pieces) == {1: NEWEST}
    pieces._gain = (5.0, 5.0)
    pieces.hit(made(1), resume(1), 0.0)
    assert standings(pieces) == {1: ASKED}
    assert newest.value.saved_s == 5.0
    # The use of another one's entry, or by nobody known, says nothing of it.
    others = pieces_of(made(1), made(2, "v"))
    for user in ("v", None):
        ask(others, 3, resume(1), user)
        others.hit(made(1), resume(1), 0.0)
        assert standings(others)[1] == NEWEST


def test_a_copy_is_no_step_beyond() -> None:
    pieces = pieces_of(made(1))
    ask(pieces, 2, Copy(donor=1))
    pieces.hit(made(1), Copy(donor=1), 0.0)
    assert standings(pieces) == {1: NEWEST}


def test_a_result_whose_user_has_asked_again_meanwhile_is_born_so() -> None:
    pieces = pieces_of()
    for sequence in (1, 2, 3):
        ask(pieces, sequence)
    pieces.admitted(made(1), 0.0)
    assert standings(pieces) == {1: ASKED}
    pieces.admitted(made(3), 0.0)
    assert standings(pieces) == {1: BEHIND, 3: NEWEST}
    # The one between comes last, and is behind from the beginning.
    pieces.admitted(made(2), 0.0)
    assert standings(pieces) == {1: BEHIND, 2: BEHIND, 3: NEWEST}


def test_requests_of_a_user_may_be_looked_up_in_any_order() -> None:
    pieces = pieces_of()
    for sequence in (2, 1):
        ask(pieces, sequence)
    pieces.admitted(made(1), 0.0)
    assert standings(pieces) == {1: ASKED}
    pieces.admitted(made(2), 0.0)
    assert standings(pieces) == {1: BEHIND, 2: NEWEST}


def test_standing_only_gets_worse() -> None:
    pieces = pieces_of(made(1), made(2))
    ask(pieces, 3, resume(1))
    pieces.hit(made(1), resume(1), 0.0)
    assert standings(pieces) == {1: BEHIND, 2: ASKED}


def test_users_without_entries_and_answered_requests_are_forgotten() -> None:
    users = Users()
    for key in range(50):
        owner = ("n", f"u{key}")
        users.asks(msgspec.structs.replace(query(key), user=owner[1], namespace="n"))
        users.comes(owner, key)
        users.goes(owner, key)
    assert not users.newest
    assert not users._asking


def test_requests_that_leave_no_entry_are_remembered_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standing, "MOST_ASKING", 10)
    users = Users()
    for key in range(50):
        users.asks(msgspec.structs.replace(query(key), user=f"u{key}", namespace="n"))
    assert len(users._asking) == 10
    assert users.comes(("n", "u49"), 40) == (ASKED, None)
    assert users.comes(("n", "u0"), -1) == (NEWEST, None)
