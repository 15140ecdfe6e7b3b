"""Who waits for an identical run is told when that run ends, and by no other."""

from types import SimpleNamespace

from chorus_policies.entry import Query
from chorus_policies.plan import Fresh
from chorus_runtime.server.followers import Followers


def asked(sequence: int) -> SimpleNamespace:
    """Return a request; all are identical."""
    query = Query(
        sequence=sequence,
        namespace="n",
        identity="the same",
        steps=4,
        latent_bytes=1,
        result_bytes=1,
    )
    return SimpleNamespace(query=query)


def test_only_the_leaders_end_frees_those_who_wait():
    followers = Followers()
    leader, follower = asked(0), SimpleNamespace(asked=asked(1))
    followers.begin(leader, Fresh(reason="first"))
    assert followers.join(follower)
    assert followers.end(asked(2)) == []
    assert followers.left() == [follower]
    assert followers.end(leader) == [follower]
    assert len(followers) == 0
    assert followers.end(leader) == []
