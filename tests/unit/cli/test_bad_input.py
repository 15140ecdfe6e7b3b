import json

import numpy as np
import pytest

from chorus_policies.costs.profile import write_profile
from chorus_policies.costs.profile_book import load_profile


def refused(answer, first: str, *more: str) -> None:
    """The command ends with code 2, one line, and each of ``first`` and ``more`` in it."""
    assert answer.code == 2
    assert answer.out == ""
    lines = answer.err.strip().splitlines()
    assert len(lines) == 1, answer.err
    assert "Traceback" not in answer.err
    for part in (first, *more):
        assert part in lines[0], lines[0]


@pytest.fixture
def bad_run(sim, tmp_path):
    """Run with --out and make sure that a refused run leaves nothing behind."""

    def call(*words):
        before = {path.name for path in tmp_path.iterdir()} - {"kept"}
        answer = sim("run", *words, "--out", "wanted")
        assert {path.name for path in tmp_path.iterdir()} - {"kept"} == before
        return answer

    return call


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ('{"arrival_s": 3, "prompt": ', ("trace.jsonl:17: not JSON",)),
        ('{"arrival_s": 3.2, "prompt": "late"}', ("trace.jsonl:17:", "arrivals must not go back")),
        ('{"arrival_s": NaN, "prompt": "a"}', ("trace.jsonl:17: not JSON",)),
        ('{"arrival_s": 1e999, "prompt": "a"}', ("trace.jsonl:17:", "out of range")),
        ('{"arrival_s": -1, "prompt": "a"}', ("trace.jsonl:17: arrival_s -1.0",)),
        ('{"arrival_s": 99, "prompt": "a", "height": -480}', ("trace.jsonl:17:", "height")),
        ('{"arrival_s": 99, "prompt": 7}', ("trace.jsonl:17:", "prompt")),
        ('{"arrival_s": 99}', ("trace.jsonl:17:", "prompt")),
        ("[1, 2]", ("trace.jsonl:17: the line is a JSON list",)),
    ],
)
def test_a_broken_line_is_named(bad_run, tmp_path, line, needed):
    rows = [json.dumps({"arrival_s": float(place), "prompt": "a"}) for place in range(16)]
    (tmp_path / "trace.jsonl").write_text("\n".join([*rows, line]) + "\n")
    refused(bad_run("--trace", "trace.jsonl"), *needed)


def test_a_missing_an_empty_and_an_unreadable_trace(bad_run, tmp_path):
    refused(bad_run("--trace", "nowhere.jsonl"), "nowhere.jsonl: no such file")
    (tmp_path / "empty.jsonl").write_text("")
    refused(bad_run("--trace", "empty.jsonl"), "empty.jsonl: no requests")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00\x01")
    refused(bad_run("--trace", "binary.jsonl"), "binary.jsonl:1:", "not UTF-8")
    (tmp_path / "trace.txt").write_text("a")
    refused(bad_run("--trace", "trace.txt"), "trace.txt: unknown trace format '.txt'")
    refused(bad_run("--trace", tmp_path), str(tmp_path))
    refused(bad_run(), "--trace")
    refused(bad_run("--trace", "sample:nothing"), "nothing")
    refused(bad_run("--trace", "n" * 5000 + ".jsonl"), "name too long")


def test_a_trace_in_another_unit_or_of_endless_runs(bad_run, sim, tmp_path):
    rows = [{"arrival_s": 1.7e18 + second * 1e9, "prompt": "a"} for second in (0, 60)]
    (tmp_path / "ns.jsonl").write_text("\n".join(map(json.dumps, rows)))
    refused(bad_run("--trace", "ns.jsonl"), "ns.jsonl:1: arrival_s is 1.7e+18", "seconds")
    refused(sim("trace", "describe", "--trace", "ns.jsonl"), "ns.jsonl:1: arrival_s is 1.7e+18")
    row = {"arrival_s": 0, "prompt": "a", "steps": 1_000_000_000_000}
    (tmp_path / "steps.jsonl").write_text(json.dumps(row))
    refused(bad_run("--trace", "steps.jsonl"), "steps.jsonl:1: steps is 1000000000000", "1000")


@pytest.mark.parametrize(
    ("flags", "needed"),
    [
        (("--policy", "lur"), ("unknown policy 'lur'", "did you mean 'lru'")),
        (("--policy", "./none.toml"), ("none.toml",)),
        (("--profile", "wan2.1-1.3b-h20"), ("unknown profile", "did you mean")),
        (("--profile", "none.json"), ("none.json",)),
        (("--gpus", "0"), ("gpus is 0",)),
        (("--gpus", "many"), ("fleet.gpus", "many")),
        (("--gpus", "100001"), ("gpus is 100001; 'auto' or 1 to 100,000 is needed",)),
        (("--capacity", "4MiB"), ("smaller than one entry", "MiB")),
        (("--capacity", "-5GiB"), ("-5GiB",)),
        (("--capacity", "0%"), ("0%",)),
        (("--capacity", "lots"), ("lots",)),
        (("--capacity", "nanGiB"), ("nan",)),
        (("--capacity", "5XiB"), ("'5XiB' is not a size; write it like 64GiB",)),
        (("--capacity", "abcGiB"), ("'abcGiB' is not a size",)),
        (("--capacity", "1e308TiB"), ("'1e308TiB' is not a size",)),
        (("--slo", "soon"), ("soon",)),
        (("--slo", "-1s"), ("-1s",)),
        (("--bounds", "some"), ("[run]: unknown bounds 'some'; known: all, basic, none",)),
        (("--engine", "gpu"), ("unknown engine 'gpu'; known: auto, compiled, simpy",)),
        (("--engine", "simpi"), ("did you mean 'simpy'",)),
        (("--rate-scale", "0"), ("rate_scale",)),
        (("--rate-scale", "inf"), ("rate_scale",)),
        (("--seed", "-1"), ("seed",)),
        (("--seed", "x"), ("seed", "x")),
        (("--format", "yaml"), ("yaml",)),
        (("--set", "fleet.gpu=3"), ("unknown key 'gpu'", "did you mean 'gpus'")),
        (("--set", "flet.gpus=3"), ("unknown section 'flet'", "did you mean 'fleet'")),
        (("--set", "fleet=3"), ("a section",)),
        (("--set", "fleet.gpus"), ("section.key=value",)),
        (("--set", "run.warm_up=half"), ("warm_up",)),
        (("--set", "run.warm_up=40"), ("warm_up",)),
        (("--set", "run.replications=0"), ("replications",)),
        (("--set", "prices.gpu_hour_usd=-1"), ("gpu_hour_usd",)),
        (("--set", "prices.gpu_hour_usd=1e308"), ("a price from 0 to 1e+09 is needed",)),
        (("--set", "prices.gib_hour_usd.host=1e300"), ("host is 1e+300",)),
        (("--set", "cache.tier=tape"), ("tape",)),
        (("--set", "deployment.tenants=mixed"), ("mixed",)),
        (("--map", "promt=text"), ("promt",)),
        (("--scenario", "none.toml"), ("none.toml",)),
        (("--nonsense",), ("--nonsense",)),
    ],
)
def test_a_flag_value_that_cannot_be_used(bad_run, tiny, flags, needed):
    refused(bad_run("--trace", tiny, *flags), *needed)


def test_embeddings_that_do_not_fit(bad_run, tiny, tmp_path):
    def given(array, name="e.npy"):
        np.save(tmp_path / name, array)
        answer = bad_run("--trace", tiny, "--embeddings", name)
        (tmp_path / name).unlink()
        return answer

    refused(given(np.ones((39, 16), np.float32)), "e.npy", "shape (39, 16); (40, width) is needed")
    refused(given(np.ones((40, 0), np.float32)), "e.npy", "shape (40, 0)")
    refused(given(np.ones(40, np.float32)), "e.npy", "shape (40,)")
    holes = np.ones((40, 16), np.float32)
    holes[7, 3] = np.nan
    refused(given(holes), "e.npy", "row 7 is not finite")
    refused(given(np.zeros((40, 16), np.float32)), "e.npy", "row 0 is not finite or has length 0")
    refused(given(np.array(["a"] * 40)), "e.npy: holds <U1")
    refused(bad_run("--trace", tiny, "--embeddings", "nowhere.npy"), "nowhere.npy: no such file")


def test_a_profile_of_another_model_or_resolution(bad_run, sim, tmp_path):
    rows = [{"arrival_s": 0.0, "prompt": "a", "model": "other"}]
    (tmp_path / "model.jsonl").write_text("\n".join(map(json.dumps, rows)))
    refused(bad_run("--trace", "model.jsonl"), "no profile for other", "wan2.1-1.3b-h200")
    rows = [{"arrival_s": 0.0, "prompt": "a", "height": 720, "width": 1280}]
    (tmp_path / "size.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pinned = "wan2.1-1.3b-480p-50step-h200"
    refused(bad_run("--trace", "size.jsonl", "--profile", pinned), "1280x720", pinned)
    rows = [{"arrival_s": 0.0, "prompt": "a", "height": 333, "width": 1280}]
    (tmp_path / "odd.jsonl").write_text("\n".join(map(json.dumps, rows)))
    refused(bad_run("--trace", "odd.jsonl"), "1280x333")


def test_a_damaged_profile(bad_run, tiny, tmp_path):
    profile = tmp_path / "p.json"
    write_profile(load_profile("wan2.1-1.3b-480p-50step-h200"), profile)
    good = json.loads(profile.read_text())
    for change in (
        {"latent_bytes": -1},
        {"schema": "chorus.profile/9"},
        {"srd_step": []},
        {"full_step": {"mean_s": -1.0}},
        {"full_step": {"mean_s": "fast"}},
        {"surprise": 1},
    ):
        profile.write_text(json.dumps(good | change))
        refused(bad_run("--trace", tiny, "--profile", "./p.json"), "p.json", next(iter(change)))
    profile.write_text("{")
    refused(bad_run("--trace", tiny, "--profile", "./p.json"), "p.json")


def test_an_unknown_key_in_a_scenario_file(bad_run, tmp_path, tiny):
    (tmp_path / "s.toml").write_text("[fleet]\ngpu = 3\n")
    refused(bad_run("--trace", tiny, "--scenario", "s.toml"), "s.toml", "did you mean 'gpus'")
    (tmp_path / "s.toml").write_text("[fleet\n")
    refused(bad_run("--trace", tiny, "--scenario", "s.toml"), "s.toml", "TOML")
    (tmp_path / "s.toml").write_text('fleet = "big"\n')
    refused(bad_run("--trace", tiny, "--scenario", "s.toml"), "s.toml")


def test_an_output_folder_in_use_is_left_alone(sim, tiny, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    refused(sim("run", "--trace", tiny, "--out", "mine"), "mine", "not empty")
    refused(sim("run", "--trace", tiny, "--out", tiny), "a file")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_name_that_no_file_can_have(sim, tiny, tmp_path):
    long = "n" * 300
    refused(sim("run", "--trace", tiny, "--out", long), "name too long")
    refused(sim("run", "--trace", tiny, "--scenario", f"{long}.toml"), "name too long")
    refused(sim("run", "--trace", tiny, "--policy", f"./{long}.toml"), "name too long")
    refused(sim("run", "--trace", tiny, "--profile", f"./{long}.json"), "name too long")
    refused(sim("run", "--trace", tiny, "--embeddings", f"{long}.npy"), "name too long")
    refused(sim("trace", "synth", "--out", f"{long}.jsonl"), "name too long")
    # The folder it is written to beforehand needs no longer name.
    assert sim("run", "--trace", tiny, "--out", "n" * 250).code == 0
    assert (tmp_path / ("n" * 250) / "summary.json").exists()


def test_a_policy_file_with_an_unknown_key_or_part(bad_run, tiny, tmp_path):
    (tmp_path / "p.toml").write_text('base = "lru"\n[eviction]\nkind = "lruu"\n')
    refused(bad_run("--trace", tiny, "--policy", "./p.toml"), "p.toml", "did you mean 'lru'")
    (tmp_path / "p.toml").write_text('base = "lru"\n[evicton]\nkind = "lru"\n')
    refused(bad_run("--trace", tiny, "--policy", "./p.toml"), "did you mean 'eviction'")
    (tmp_path / "p.toml").write_text(
        'base = "lru"\n[eviction]\nkind = "superseded"\nsimilarity = 7\n'
    )
    refused(bad_run("--trace", tiny, "--policy", "./p.toml"), "similarity is 7")


def test_wrong_words_for_the_other_verbs(sim):
    refused(sim("trace", "describe", "--trace", "no.jsonl"), "no.jsonl")
    refused(sim("trace", "synth", "--out", "a.jsonl", "--set", "requests=-3"), "requests")
    refused(sim("trace", "synth", "--out", "a.jsonl", "--set", "requets=3"), "did you mean")
    refused(sim("trace", "convert", "--trace", "a", "--adapter", "zzz", "--out", "b"), "zzz")
    refused(sim("policies", "--explain", "adaptve"), "did you mean 'adaptive'")
    refused(sim("profiles", "--explain", "adaptve"), "unknown profile")
    refused(sim("rum"), "rum")


@pytest.mark.parametrize(
    "field", ["run.warm_up=50%", "run.replications=3", "run.bounds=all", "slo.target=1s"]
)
def test_what_a_comparison_does_not_read_is_refused(sim, tiny, field):
    words = ("--policies", "lru", "--capacities", "1GiB", "--trace", tiny, "--set", field)
    answer = sim("compare", *words)
    assert answer.code == 2
    assert f"--set {field.split('=')[0]}: has no effect here" in answer.err


@pytest.mark.parametrize("field", ["run.replications=3", "run.bounds=all"])
def test_what_a_search_does_not_read_is_refused(sim, tiny, field):
    answer = sim("tune", "--trace", tiny, "--out", "found.toml", "--set", field)
    assert answer.code == 2
    assert f"--set {field.split('=')[0]}: has no effect here" in answer.err
