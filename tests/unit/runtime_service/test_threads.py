from concurrent.futures import ThreadPoolExecutor

from unit.runtime_service.tiny_pipes import asked, policy

from chorus_policies.cache import Cache
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.live.calls import repeat
from chorus_policies.tier import TierSpec

WORDS = ("red", "blue", "green", "dark", "light")


def test_many_threads_get_what_they_asked_for_and_the_calls_repeat(serve, tmp_path):
    chorus = serve(
        cache={"host": "1500KiB", "disk": "2500KiB"},
        store=tmp_path / "store",
        policy=policy(trim=True, eviction="worth"),
    )
    requests = [
        asked(f"a {WORDS[n % 5]} {('circle', 'square')[n % 2]} moving left", seed=n % 4)
        for n in range(48)
    ]
    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(chorus.generate, requests))
    made = [result.provenance for result in results]
    assert len({one.key for one in made}) == 48
    assert {one.kind for one in made} >= {"fresh", "regional", "copy"}
    assert [one.fallback for one in made if one.fallback and "steps" not in one.fallback] == []

    chorus.store.flush()
    resident = {key for key in range(48) if key in chorus.store}
    assert len(resident) == len(chorus)
    assert chorus.store.take_losses() == {}
    for key in resident:
        chorus.store.get(key)
    instants = [row.now_s for row in chorus.journal.rows]
    assert instants == sorted(instants)
    assert any(row.call in ("evict", "demote", "trim") for row in chorus.journal.rows)

    journal = Journal()
    tiers = (
        TierSpec(name="host", capacity_bytes=1500 * 1024),
        TierSpec(name="disk", capacity_bytes=2500 * 1024),
    )
    repeat(chorus.calls, Cache(chorus.policy, tiers, MatrixIndex(), journal))
    assert journal.rows == [row for row in chorus.journal.rows if row.call != "fallback"]


def test_equal_fresh_requests_in_parallel_give_equal_clips(serve):
    services = [serve(), serve()]
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(
            lambda service: service.generate(asked("a red circle")).latents, services
        )
    assert bool((one == other).all())
