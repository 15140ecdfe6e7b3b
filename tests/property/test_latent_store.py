"""The store against a plain dictionary: whatever is called, it holds what it was told to hold."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.runtime_service.entries import entry, same

from chorus_runtime.store import LatentStore

TIERS = ("gpu", "host", "disk")
ACTS = st.tuples(
    st.sampled_from(("put", "trim", "move", "remove", "flush", "reopen")),
    st.integers(0, 4),
    st.sampled_from(TIERS),
)


@settings(max_examples=40, deadline=None)
@given(acts=st.lists(ACTS, max_size=40))
def test_the_store_holds_what_it_was_told(acts):
    with tempfile.TemporaryDirectory() as folder:
        store = LatentStore(TIERS, folder=Path(folder), scope="test")
        expected = {}
        for act, key, tier in acts:
            if act == "flush":
                store.flush()
            elif act == "reopen":
                store.close()
                store = LatentStore(TIERS, folder=Path(folder), scope="test")
                expected = {key: held for key, held in expected.items() if held[0] == "disk"}
            elif act == "put" and key not in expected:
                store.put(entry(key), tier)
                expected[key] = (tier, entry(key))
            elif key in expected and act == "trim":
                store.trim(key)
                expected[key] = (expected[key][0], expected[key][1].trimmed())
            elif key in expected and act == "move":
                store.move(key, tier)
                expected[key] = (tier, expected[key][1])
            elif key in expected and act == "remove":
                store.remove(key)
                del expected[key]
            assert {key for key in range(5) if key in store} == set(expected)
            for held, (where, kept) in expected.items():
                assert store.tier_of(held) == where
                assert same(store.get(held), kept)
        store.flush()
        assert store.take_losses() == {}
        on_disk = sum(where == "disk" for where, _ in expected.values())
        assert len(list((Path(folder) / "entries").iterdir())) == on_disk
        store.close()
