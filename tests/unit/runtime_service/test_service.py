import pytest
import torch
from unit.runtime_service.tiny_pipes import asked, policy, wan_video

from chorus_policies.cache import Cache
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.live.calls import repeat
from chorus_policies.policy import parse_policy
from chorus_policies.sizing.priced import Priced
from chorus_policies.tier import TierSpec
from chorus_traces.errors import EngineError, PolicyError

RED = "a red circle moving left"
BLUE = "a blue circle moving left"
FAR = "a blue square moving up"


def close(one, other, tolerance=0.02):
    """Equal but for the rounding to bfloat16."""
    return float((one - other).norm() / other.norm()) < tolerance


def rows(chorus, call):
    return [row for row in chorus.journal.rows if row.call == call]


def test_a_session_goes_from_fresh_over_full_reuse_and_srd_to_a_copy(serve):
    chorus = serve()
    fresh = chorus.generate(asked(RED))
    regional = chorus.generate(asked(BLUE, seed=2))
    resumed = chorus.generate(asked(FAR, seed=3))
    copy = chorus.generate(asked(RED))

    made = [one.provenance for one in (fresh, regional, resumed, copy)]
    assert [one.kind for one in made] == ["fresh", "regional", "resume", "copy"]
    assert [one.donor for one in made][:2] == [None, 0]
    assert made[3].donor == 0
    assert (made[1].k1, made[1].k2) == (1, 4)
    assert 0 < made[1].active_share <= 0.75
    assert made[1].donor_prompt == RED
    assert made[1].similarity > 0.7
    assert (made[2].k1, made[2].k2) == (2, 2)
    assert made[1].facts.flop_share < made[0].facts.flop_share == 1
    assert made[1].facts.amplification == 8
    # Full reuse amplifies the words that differ as well.
    assert made[2].facts.amplification == 8
    assert all(one.fallback == "" and one.policy == "test" for one in made)
    assert all(one.fingerprint == chorus.policy.fingerprint for one in made)
    assert [one.stored for one in made[:3]] == ["host"] * 3
    stages = {"text_encode", "embed", "lookup", "denoise", "vae_decode", "store"}
    assert stages <= set(made[0].seconds)
    assert set(made[3].seconds) == {"lookup", "load", "vae_decode"}
    assert fresh.frames.shape == (1, 5, 32, 32, 3)
    assert close(copy.latents, fresh.latents)


def test_reuse_changes_the_latents_and_a_second_fresh_run_does_not(serve):
    first = serve().generate(asked(RED), output_type="latent")
    again = serve().generate(asked(RED), output_type="latent")
    other = serve()
    other.generate(asked(BLUE, seed=2))
    reused = other.generate(asked(RED), output_type="latent")
    assert first.frames is None
    assert torch.equal(first.latents, again.latents)
    assert reused.provenance.kind == "regional"
    assert not close(reused.latents, first.latents)


def test_results_made_with_reuse_are_never_answered_as_exact(serve):
    chorus = serve()
    chorus.generate(asked(RED))
    chorus.generate(asked(BLUE, seed=2))
    assert chorus.generate(asked(BLUE, seed=2)).provenance.kind == "regional"


def test_a_request_without_a_seed_draws_one_and_is_never_copied(serve):
    chorus = serve()
    first = chorus.generate(asked(RED, seed=None))
    second = chorus.generate(asked(RED, seed=None))
    assert first.provenance.seed != second.provenance.seed
    assert second.provenance.kind == "regional"
    # The drawn seed does not make the result one that a stated seed may copy.
    assert chorus.generate(asked(RED, seed=first.provenance.seed)).provenance.kind == "regional"


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 6},
        {"width": 48},
        {"guidance": 2.0},
        {"negative_prompt": "dark"},
        {"tenant": "other"},
    ],
)
def test_another_namespace_is_never_a_donor(serve, change):
    chorus = serve()
    chorus.generate(asked(RED))
    assert chorus.generate(asked(RED, **change)).provenance.kind == "fresh"


def test_an_empty_prompt_is_computed_in_full_and_not_stored(serve):
    chorus = serve()
    made = [chorus.generate(asked("  ")).provenance for _ in range(2)]
    assert [one.kind for one in made] == ["fresh", "fresh"]
    assert made[1].reason == "namespace unknown"
    assert made[1].stored == "namespace unknown"
    assert len(chorus) == 0


@pytest.mark.parametrize(
    ("request_", "needed"),
    [
        (asked("x" * 10_001), "10001 characters"),
        (asked(b"bytes"), "bytes"),
        (asked("half \ud800"), "Unicode"),
        (asked(RED, width=33), "nearest: 32"),
        (asked(RED, frames=6), "nearest: 5"),
        (asked(RED, steps=1001), "steps is 1001"),
        (asked(RED, seed=-1), "seed is -1"),
        (asked(RED, model="other"), "'other' is not served"),
        (asked(RED, conditioning="digest"), "text-to-video"),
        (asked(RED, extra={"image_url": "x"}), "image_url"),
    ],
)
def test_a_request_that_cannot_be_served_is_refused(serve, request_, needed):
    chorus = serve()
    with pytest.raises(EngineError, match=needed):
        chorus.generate(request_)
    assert chorus.journal.rows == []


def test_an_unknown_output_type_is_refused_before_anything_is_computed(serve):
    with pytest.raises(EngineError, match="output type 'gif'"):
        serve().generate(asked(RED), output_type="gif")


def test_a_cancelled_run_leaves_nothing_pinned_and_nothing_stored(serve):
    chorus = serve()
    chorus.generate(asked(RED))

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        chorus.generate(asked(BLUE, seed=2), observer=stop)
    assert len(chorus) == 1
    assert len(rows(chorus, "release")) == 1
    assert chorus.generate(asked(BLUE, seed=2)).provenance.kind == "regional"


def test_an_error_of_the_observer_is_no_reason_to_compute_again(serve):
    chorus = serve()
    chorus.generate(asked(RED))

    def refuse(done):
        raise EngineError("enough")

    with pytest.raises(EngineError, match="enough"):
        chorus.generate(asked(BLUE, seed=2), observer=refuse)
    assert rows(chorus, "fallback") == []


def damage(folder):
    for path in (folder / "entries").iterdir():
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(bytes(content))


@pytest.mark.parametrize(("prompt", "asked_for"), [(BLUE, "regional"), (RED, "copy")])
def test_a_damaged_donor_falls_back_to_full_compute_and_says_so(serve, tmp_path, prompt, asked_for):
    chorus = serve(store=tmp_path / "store")
    chorus.generate(asked(RED))
    chorus.store.flush()
    damage(tmp_path / "store")
    result = chorus.generate(asked(prompt))
    made = result.provenance
    assert made.kind == "fresh"
    assert "damaged: SHA-256" in made.fallback
    (row,) = rows(chorus, "fallback")
    assert (row.donor, row.answer) == (0, made.fallback)
    assert [row.key for row in rows(chorus, "remove")] == [0]
    assert torch.equal(result.latents, serve().generate(asked(prompt)).latents)
    # The damaged entry is gone and the new result serves.
    assert chorus.generate(asked(prompt)).provenance.kind == "copy"
    assert asked_for in {row.answer for row in chorus.journal.rows}


def test_a_missing_file_falls_back_too(serve, tmp_path):
    chorus = serve(store=tmp_path / "store")
    chorus.generate(asked(RED))
    chorus.store.flush()
    for path in (tmp_path / "store" / "entries").iterdir():
        path.unlink()
    assert "is gone" in chorus.generate(asked(BLUE)).provenance.fallback


def test_a_donor_whose_steps_are_gone_serves_full_reuse(serve):
    chorus = serve()
    chorus.generate(asked(RED))
    chorus.store.trim(0)
    made = chorus.generate(asked(BLUE, seed=2)).provenance
    assert made.kind == "resume"
    assert made.k1 == 1
    assert made.facts.donor_form == "renoised"
    assert made.fallback == "the donor's step latents are gone"


def test_renoised_donors_serve_srd_and_keep_no_steps(serve):
    chorus = serve(policy=policy(kind="renoised"))
    kinds = []
    for seed, prompt in enumerate((RED, BLUE, "a green circle moving left")):
        made = chorus.generate(asked(prompt, seed=seed)).provenance
        kinds.append(made.kind)
        assert made.facts.donor_form == ("none" if made.kind == "fresh" else "renoised")
        assert made.fallback == ""
        assert not chorus.store.get(seed).steps
    assert kinds == ["fresh", "regional", "regional"]
    size = chorus.store.get(0).size_bytes
    assert size == chorus.latent_bytes(chorus.model.shape_of(asked(RED)))


def test_a_donor_that_does_not_fit_the_schedule_is_dropped(serve):
    chorus = serve(policy=policy(kind="compact"))
    chorus.generate(asked(RED))
    kept = chorus.store.get(0)
    kept.finished.fill_(float("nan"))
    made = chorus.generate(asked(BLUE, seed=2)).provenance
    assert made.kind == "fresh"
    assert "not all finite" in made.fallback
    assert len(chorus) == 1


def test_the_store_follows_the_cache_when_room_is_short(serve):
    chorus = serve(cache="1200KiB")
    for number in range(4):
        chorus.generate(asked(RED, seed=number, steps=5, tenant=str(number)))
    chorus.store.flush()
    assert len(rows(chorus, "evict")) == 2
    assert len(chorus) == len(chorus.store) == 2


def test_trimming_and_demotion_reach_the_store(serve, tmp_path):
    chorus = serve(
        policy=policy(trim=True, eviction="worth"),
        cache={"host": "1120KiB", "disk": "1120KiB"},
        store=tmp_path / "store",
    )
    for number in range(8):
        chorus.generate(asked(RED, seed=number, tenant=str(number)))
    chorus.store.flush()
    done = {row.call for row in chorus.journal.rows}
    assert {"trim", "demote", "evict"} <= done
    assert len(chorus) == len(chorus.store) > 2
    tiers = {chorus.store.tier_of(key) for key in range(8) if key in chorus.store}
    assert tiers == {"host", "disk"}


def test_the_calls_repeated_on_a_new_cache_write_the_same_journal(serve):
    chorus = serve(cache="2MiB", policy=policy(trim=True, eviction="worth"))
    prompts = [RED, BLUE, FAR, RED, "a green square moving up on dark background", BLUE, FAR]
    for number, prompt in enumerate(prompts * 2):
        chorus.generate(asked(prompt, seed=number % 3))
    ours = [row for row in chorus.journal.rows if row.call != "fallback"]
    journal = Journal()
    tier = TierSpec(name="host", capacity_bytes=2 * 2**20)
    cache = Cache(chorus.policy, (tier,), MatrixIndex(), journal)
    repeat(chorus.calls, cache)
    assert journal.rows == ours
    kinds = {row.answer for row in ours if row.call == "lookup"}
    assert kinds >= {"fresh", "regional"}
    assert any(row.call in ("evict", "trim") for row in ours)


def test_an_entry_is_there_again_after_a_restart(serve, tmp_path):
    first = serve(store=tmp_path / "store")
    fresh = first.generate(asked(RED))
    first.close()
    second = serve(store=tmp_path / "store")
    made = second.generate(asked(BLUE, seed=2)).provenance
    assert (made.kind, made.donor, made.key) == ("regional", 0, 1)
    copy = second.generate(asked(RED))
    assert copy.provenance.kind == "copy"
    assert close(copy.latents, fresh.latents)


def test_step_latents_of_an_earlier_policy_leave_the_disk_after_a_restart(serve, tmp_path):
    first = serve(store=tmp_path / "store")
    first.generate(asked(RED))
    first.close()
    (entry,) = (tmp_path / "store" / "entries").iterdir()
    before = entry.stat().st_size
    second = serve(store=tmp_path / "store", policy=policy(kind="renoised"))
    made = second.generate(asked(BLUE, seed=2)).provenance
    assert (made.kind, made.donor, made.facts.donor_form) == ("regional", 0, "renoised")
    second.close()
    sizes = [entry.stat().st_size for entry in (tmp_path / "store" / "entries").iterdir()]
    assert len(sizes) == 2
    assert max(sizes) < before / 2


def test_a_smaller_cache_keeps_what_fits_after_a_restart(serve, tmp_path):
    first = serve(store=tmp_path / "store")
    for number in range(3):
        first.generate(asked(RED, seed=number, tenant=str(number)))
    first.close()
    second = serve(store=tmp_path / "store", cache="700KiB")
    second.store.flush()
    assert len(second) == len(second.store) == 1
    assert len(list((tmp_path / "store" / "entries").iterdir())) == 1


def test_another_model_or_embedder_does_not_open_the_store(serve, tmp_path):
    serve(store=tmp_path / "store").close()

    class Other:
        name = "other"

        def embed(self, prompt):
            raise AssertionError

    with pytest.raises(EngineError, match="name another folder"):
        serve(store=tmp_path / "store", embedder=Other())


def test_an_entry_the_disk_has_no_room_for_is_not_kept(serve, tmp_path, monkeypatch):
    chorus = serve(store=tmp_path / "store")
    monkeypatch.setattr("chorus_runtime.store.disk.RESERVE_BYTES", 2**62)
    made = chorus.generate(asked(RED)).provenance
    assert "the disk is full" in made.stored
    assert len(chorus) == len(chorus.store) == 0
    assert [row.key for row in rows(chorus, "remove")] == [0]


def test_the_model_that_is_shared_is_left_as_it_was(serve):
    before = {
        name: type(one)
        for name, one in wan_video().engine.adapters[0].model.attn_processors.items()
    }
    chorus = serve()
    for prompt in (RED, BLUE, FAR):
        chorus.generate(asked(prompt))
    after = {
        name: type(one)
        for name, one in wan_video().engine.adapters[0].model.attn_processors.items()
    }
    assert before == after


@pytest.mark.parametrize(
    ("more", "needed"),
    [
        ({"cache": "64 bananas"}, "bananas"),
        ({"cache": {}}, "cache is empty"),
        ({"cache": {"ram": "1GiB"}}, "unknown tier 'ram'"),
        ({"cache": {"disk": "1GiB"}}, "store folder"),
        ({"cache": {"host": "1GiB"}, "store": "there"}, "give both or none"),
        ({"policy": "chorsu"}, "unknown policy"),
        ({"policy": "nowhere.toml"}, "nowhere.toml"),
    ],
)
def test_what_does_not_fit_together_is_refused(serve, tmp_path, more, needed):
    if "store" in more:
        more = more | {"store": tmp_path / more["store"]}
    with pytest.raises(Exception, match=needed) as refusal:
        serve(**more)
    assert "\n" not in str(refusal.value)


def test_a_copy_on_arrival_is_counted_by_a_sizing_that_watches_ghosts(serve, monkeypatch):
    """Nothing has embedded its prompt then: an identical result is all that other sizes show."""
    sized = parse_policy('base = "priced"', where="test", name="sized")
    chorus = serve(policy=sized)
    told = []
    monkeypatch.setattr(
        Priced, "looked_up", lambda part, saved_s, whole_s, full, now: told.append(max(saved_s))
    )
    kinds = [chorus.generate(asked(RED, seed=1)).provenance.kind for _ in range(3)]
    assert kinds == ["fresh", "copy", "copy"]
    assert told[0] == 0 < told[1]
    assert len(told) == 3


def test_a_policy_that_makes_no_cache_leaves_the_folder_free(serve, tmp_path):
    cannot_trim = parse_policy(
        'base = "lru"\n[entry]\nkind = "window"\ntrim = true', where="test", name="cannot-trim"
    )
    with pytest.raises(PolicyError, match="cannot trim"):
        serve(policy=cannot_trim, store=tmp_path / "latents")
    assert serve(store=tmp_path / "latents").generate(asked(RED)).provenance.kind == "fresh"
