import msgspec
import numpy as np
import pytest

from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.namespace import Deployment, namespace_of
from chorus_traces.errors import TraceError
from chorus_traces.rate_scale import scale_rate
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.what_if import change, parse_changes, preload, preloaded_requests
from chorus_traces.what_if.visit import visits_of

KINDS = ("shuffled", "shuffled-sessions", "shared-prompts=0.3", "private-prompts=0.3")


@pytest.fixture(scope="module")
def day():
    return read_trace(sample_path("studio-day"))


def instants(trace):
    return [request.arrival_s for request in trace.requests]


def by_id(trace):
    return {request.id: request for request in trace.requests}


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_deterministic_and_keeps_arrival_instants(day, kind):
    once, again = change(day, kind, 7), change(day, kind, 7)
    assert once.sha256() == again.sha256()
    assert once.sha256() != day.sha256()
    assert once.sha256() != change(day, kind, 8).sha256()
    assert instants(once) == instants(day)
    assert kind in once.name
    assert len(once.embeddings) == len(once)


@pytest.mark.parametrize("kind", ["shuffled", "shuffled-sessions"])
def test_a_shuffle_keeps_every_request_and_its_embedding(day, kind):
    shuffled = change(day, kind, 1)
    before, after = by_id(day), by_id(shuffled)
    assert before.keys() == after.keys()
    assert all(
        msgspec.structs.replace(after[name], arrival_s=0.0)
        == msgspec.structs.replace(request, arrival_s=0.0)
        for name, request in before.items()
    )
    vectors = dict(zip(before, day.embeddings, strict=True))
    moved = 0
    for place, (request, vector) in enumerate(
        zip(shuffled.requests, shuffled.embeddings, strict=True)
    ):
        assert (vectors[request.id] == vector).all()
        moved += request.id != day.requests[place].id
    # A long session with a length of its own has nobody to change places with.
    assert moved > (0.99 if kind == "shuffled" else 0.7) * len(day)


def test_shuffled_sessions_stay_whole_and_in_order(day):
    shuffled = change(day, "shuffled-sessions", 1)
    place_of = {request.id: place for place, request in enumerate(shuffled.requests)}
    lengths = []
    for visit in visits_of(day):
        places = [place_of[day.requests[place].id] for place in visit]
        assert places == sorted(places)
        lengths.append(len(visit))
    slots = {tuple(visit) for visit in visits_of(day)}
    kept = sum(
        tuple(place_of[day.requests[place].id] for place in visit) in slots
        for visit in visits_of(day)
    )
    assert kept == len(lengths) > 500
    assert max(lengths) > 10


def test_shuffled_sessions_need_users(day):
    nobody = msgspec.structs.replace(day.requests[0], user=None)
    trace = type(day)(name="nobody", requests=(nobody,))
    with pytest.raises(TraceError, match="nobody: what_if shuffled-sessions: no request names"):
        change(trace, "shuffled-sessions", 0)


def test_shared_prompts_come_from_another_user_of_the_same_tenant(day):
    shared = change(day, "shared-prompts=0.3", 3)
    owner = {}
    for request in day.requests:
        owner.setdefault((request.tenant, request.prompt), set()).add(request.user)
    taken = 0
    for before, after in zip(day.requests, shared.requests, strict=True):
        kept = ("id", "arrival_s", "user", "tenant", "seed")
        assert all(getattr(before, name) == getattr(after, name) for name in kept)
        if after.prompt != before.prompt:
            taken += 1
            assert owner[after.tenant, after.prompt] - {after.user}
    assert 0.2 < taken / len(day) < 0.4


def test_private_prompts_are_reused_by_their_user_alone(day):
    book = ProfileBook(("wan2.1-1.3b-h200",))

    def spaces(trace):
        return [
            namespace_of(request, book.shape_of(request, forced=False), Deployment())
            for request in trace.requests
        ]

    private = change(day, "private-prompts=0.3", 3)
    alone = {
        request.user
        for request, before in zip(private.requests, day.requests, strict=True)
        if request != before
    }
    everyone = {request.user for request in day.requests}
    assert 0.2 < len(alone) / len(everyone) < 0.4
    users_in: dict[str, set[str]] = {}
    for request, space in zip(private.requests, spaces(private), strict=True):
        users_in.setdefault(space, set()).add(request.user)
    for users in users_in.values():
        assert not users & alone or len(users) == 1
    assert any(len(users) > 5 for users in users_in.values())


def test_nothing_changes_with_a_share_of_nothing(day):
    for kind in ("shared-prompts=0", "private-prompts=0"):
        assert change(day, kind, 1).requests == day.requests


def test_changes_are_applied_one_after_the_other(day):
    both = change(day, "shuffled-sessions, private-prompts=0.3", 2)
    one = change(change(day, "shuffled-sessions", 2), "private-prompts=0.3", 2)
    assert both.requests == one.requests


def test_private_users_stay_private_when_there_are_more_of_them(day):
    doubled = scale_rate(change(day, "private-prompts=1", 1), 2.0, 1)
    owners: dict[str, set[str]] = {}
    for request in doubled.requests:
        owners.setdefault(str(request.extra["replica"]), set()).add(request.user)
    assert len(doubled) == 2 * len(day)
    assert set(map(len, owners.values())) == {1}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("shufled", "did you mean 'shuffled'"),
        ("shuffled=1", "shuffled takes no value"),
        ("shared-prompts", "a share from 0 to 1 is needed"),
        ("shared-prompts=2", "a share from 0 to 1 is needed"),
        ("private-prompts=nan", "a share from 0 to 1 is needed"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(text, line):
    with pytest.raises(ValueError, match=line):
        parse_changes(text)


def test_a_preload_marks_the_first_part(day):
    marked = preload(day, 0.25)
    assert preloaded_requests(marked) == 1250
    assert preloaded_requests(day) == 0
    assert instants(marked) == instants(day)


def test_a_preload_by_another_trace_comes_before_the_window(day):
    joined = preload(day, day)
    assert preloaded_requests(joined) == len(day)
    assert len({request.id for request in joined.requests}) == 2 * len(day)
    assert (joined.embeddings[: len(day)] == joined.embeddings[len(day) :]).all()
    gaps = np.diff(instants(joined))
    assert gaps[len(day) - 1] == 0
    assert np.allclose(gaps[len(day) :], np.diff(instants(day)))


def test_a_preload_must_leave_something_and_share_the_embedder(day):
    with pytest.raises(TraceError, match="leave some to measure"):
        preload(day, 1.0)
    other = day.with_embeddings(day.embeddings, "another-model")
    with pytest.raises(TraceError, match="embed both with one model"):
        preload(day, other)
