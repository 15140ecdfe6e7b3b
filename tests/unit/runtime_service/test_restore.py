"""What a cache knows of the entries an earlier process left."""

import sqlite3
from contextlib import closing

import msgspec
import pytest
from unit.runtime_service.tiny_pipes import asked

from chorus_policies.eviction.standing import BEHIND, NEWEST
from chorus_policies.policy import parse_policy
from chorus_runtime.store.index import INDEX_NAME

RED = "a red circle moving left"
BLUE = "a blue circle moving left"

WIDE, NARROW, SHIFTED = (0.1, 0.9), (0.4, 0.6), (0.2, 0.8)


def bands(k1, k2):
    return parse_policy(
        f"""
        [reuse]
        kind = "bands"
        [[reuse.bands]]
        similarity = 0.7
        k1 = {k1}
        k2 = {k2}
        active_share = 0.4
        [eviction]
        kind = "lru"
        [entry]
        kind = "window"
        """,
        where="test",
        name="test",
    )


def ask(prompt, **more):
    return asked(prompt, steps=10, **more)


def latents_of(chorus, key):
    chorus.store.flush()
    kept = chorus.store.get(key)
    return 1 + len(kept.steps)


def booked_latents(chorus, key):
    """The finished latent, which may be counted as the one after the last step, and the others."""
    entry = chorus._cache._cache._entries[key]
    return 1 + max(0, min(entry.last_step, entry.steps - 1) - entry.first_step + 1)


def first_run(serve, disk, made_with):
    """Return a service with an entry, and its key."""
    first = serve(policy=bands(*SHIFTED), **disk)
    key = first.generate(ask(RED)).provenance.key
    if made_with == "reuse":
        key = first.generate(ask(BLUE, seed=2)).provenance.key
    return first, key


@pytest.mark.parametrize("later", [WIDE, NARROW])
@pytest.mark.parametrize("made_with", ["full compute", "reuse"])
def test_an_entry_of_other_bands_is_booked_as_what_it_has(serve, tmp_path, later, made_with):
    disk = {"cache": {"disk": "64MiB"}, "store": tmp_path / "store"}
    first, key = first_run(serve, disk, made_with)
    assert latents_of(first, key) == booked_latents(first, key) > 4
    first.close()

    second = serve(policy=bands(*later), **disk)
    assert latents_of(second, key) == booked_latents(second, key) == 1
    assert second.generate(ask(f"{RED} now", seed=3)).provenance.fallback == ""
    second.close()

    # Nothing is lost where nothing changed.
    third = serve(policy=bands(*later), **disk)
    made = third.generate(ask(f"{RED} now", seed=4)).provenance
    assert (made.kind, made.fallback) == ("regional", "")


@pytest.mark.parametrize("made_with", ["full compute", "reuse"])
def test_an_entry_of_the_same_bands_keeps_its_steps(serve, tmp_path, made_with):
    disk = {"cache": {"disk": "64MiB"}, "store": tmp_path / "store"}
    first, key = first_run(serve, disk, made_with)
    before = latents_of(first, key)
    first.close()
    second = serve(policy=bands(*SHIFTED), **disk)
    assert latents_of(second, key) == booked_latents(second, key) == before > 4


def test_the_last_step_that_is_kept_may_be_the_finished_latent(serve, tmp_path):
    disk = {"cache": {"disk": "64MiB"}, "store": tmp_path / "store"}
    first = serve(policy=bands(0.2, 1.0), **disk)
    first.generate(ask(RED))
    before = latents_of(first, 0)
    first.close()
    second = serve(policy=bands(0.2, 1.0), **disk)
    assert latents_of(second, 0) == booked_latents(second, 0) == before == 9


def test_whose_an_entry_is_outlives_a_restart(serve, tmp_path):
    disk = {"cache": {"disk": "64MiB"}, "store": tmp_path / "store", "policy": "adaptive"}
    first = serve(**disk)
    first.generate(asked(RED, user="anna"))
    first.generate(asked(BLUE, seed=2))
    first.close()
    second = serve(**disk)
    users = {key: one.user for key, one in second._cache._cache._entries.items()}
    assert users == {0: "anna", 1: None}
    # She has gone on to another clip: what she left before is worth less.
    second.generate(asked("snow falls on hills", seed=3, user="anna"))
    pieces = second._cache._cache._tiers[0].eviction._pieces._pieces
    assert [pieces[key].kind.standing for key in (0, 1)] == [BEHIND, NEWEST]


def test_an_entry_of_the_first_stores_is_read_and_its_steps_are_believed(serve, tmp_path):
    disk = {"cache": {"disk": "64MiB"}, "store": tmp_path / "store", "policy": bands(*SHIFTED)}
    first = serve(**disk)
    first.generate(ask(RED, user="anna"))
    before = latents_of(first, 0)
    first.close()
    with closing(sqlite3.connect(tmp_path / "store" / INDEX_NAME)) as database:
        ((content,),) = database.execute("SELECT facts FROM entries").fetchall()
        facts = msgspec.json.decode(content)
        assert facts.pop("user") == "anna"
        assert facts.pop("step_span") == [2, 8]
        database.execute("UPDATE entries SET facts = ?", (msgspec.json.encode(facts),))
        database.commit()
    second = serve(**disk)
    found = second.store.found[0].facts
    assert (found.user, found.step_span) == (None, None)
    assert latents_of(second, 0) == before == 8
    assert second.generate(ask(BLUE, seed=2)).provenance.kind == "regional"
