import json
import subprocess
import sys

import msgspec
import pyarrow.parquet as pq
import pytest


def test_json_on_stdout_has_the_promised_keys(sim, tiny):
    answer = sim("run", "--trace", tiny, "--bounds", "all", "--format", "json", "--out", "run")
    assert answer.code == 0
    summary = json.loads(answer.out)
    for table in (summary, *summary["bounds"].values()):
        assert set(table["hits"]) == {"copy", "resume", "regional", "fresh"}
        assert sum(table["hits"].values()) == table["requests"] == 40
        assert set(table["gpu_seconds"]) == {"used", "saved", "saved_share"}
        for name in ("response_time_s", "waiting_time_s"):
            assert set(table[name]) == {"mean", "p50", "p95", "p99", "ci95"}
        assert {"occupied", "capacity", "evicted"} <= set(table["bytes"])
        assert {"request_hit_ratio", "slo_attainment", "utilisation", "cost"} <= set(table)
    assert set(summary["bounds"]) == {"no_cache", "unbounded", "clairvoyant"}
    assert summary["engine"]["name"] == "simpy"
    assert set(summary["policy"]) == {"name", "fingerprint"}
    assert summary["profile"]["source"] == "modelled"
    assert summary["trace"]["requests"] == 40
    assert len(summary["trace"]["sha256"]) == 64
    assert summary["warm_up"]["method"] == "none"
    assert summary["hits"]["regional"] > 10
    assert "requests/s" in answer.err


def test_the_folder_holds_what_was_promised(sim, tiny, tmp_path):
    assert sim("run", "--trace", tiny, "--out", "run").code == 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    files = {"summary.json", "timings.json", "scenario.toml", "requests.parquet", "journal.parquet"}
    assert files | {"report.html", "report.md"} <= names
    records = pq.read_table(tmp_path / "run" / "requests.parquet")
    assert records.num_rows == 40
    assert records["id"].to_pylist()[3] == "q3"
    journal = pq.read_table(tmp_path / "run" / "journal.parquet")
    assert (
        journal["call"].to_pylist().count("lookup") + journal["answer"].to_pylist().count("copy")
        >= 40
    )
    assert not [name for name in names if name.startswith(".")]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(sim, tiny):
    words = ("run", "--trace", tiny, "--format", "json")
    first = sim(*words, "--seed", "3", "--out", "a")
    again = sim(*words, "--seed", "3", "--out", "b")
    other = sim(*words, "--seed", "4", "--out", "c")
    assert first.out == again.out
    assert first.out != other.out


def test_the_resolved_scenario_repeats_the_run(sim, tiny, tmp_path):
    first = sim("run", "--trace", tiny, "--gpus", "2", "--capacity", "30%", "--slo", "90s",
                "--format", "json", "--out", "a")  # fmt: skip
    again = sim("run", "--scenario", tmp_path / "a" / "scenario.toml", "--format", "json")
    assert first.out == again.out
    assert json.loads(first.out)["fleet"] == {"gpus": 2, "auto": False}


def test_an_exact_copy_is_counted_and_takes_no_gpu(sim, tiny, tmp_path):
    profile = ("--profile", "wan2.1-1.3b-480p-4step-h200")
    summary = json.loads(
        sim("run", "--trace", tiny, *profile, "--format", "json", "--out", "a").out
    )
    assert summary["hits"]["copy"] == 1
    records = pq.read_table(tmp_path / "a" / "requests.parquet").to_pylist()
    copy = next(row for row in records if row["kind"] == "copy")
    assert (copy["held_s"], copy["worker"], copy["denoise_s"]) == (0.0, -1, 0.0)


def test_stages_add_up_to_the_service_time(sim, tiny, tmp_path):
    assert sim("run", "--trace", tiny, "--out", "a").code == 0
    stages = ("text_encode_s", "embed_s", "lookup_s", "load_s", "denoise_s", "vae_decode_s",
              "video_encode_s")  # fmt: skip
    for row in pq.read_table(tmp_path / "a" / "requests.parquet").to_pylist():
        service = row["finish_s"] - row["start_s"]
        assert service == pytest.approx(sum(row[stage] for stage in stages), rel=1e-9)
        assert row["held_s"] in (0.0, pytest.approx(service + row["store_s"], rel=1e-9))


def test_a_second_run_without_out_takes_the_next_free_name(sim, tiny, tmp_path):
    sim("run", "--trace", tiny, "--policy", "lru")
    sim("run", "--trace", tiny, "--policy", "lru")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["tiny-lru", "tiny-lru-2"]


def test_replications_give_intervals(sim, tiny):
    answer = sim("run", "--trace", tiny, "--set", "run.replications=5", "--format", "json")
    figures = json.loads(answer.out)["replications"]
    assert figures["count"] == 5
    assert figures["arrivals"] == "recorded"
    low, high = figures["response_time_s_mean"]["ci95"]
    assert low < figures["response_time_s_mean"]["mean"] < high


@pytest.mark.parametrize(("method", "discarded"), [("10", 10), ("25%", 10), ("none", 0)])
def test_the_warm_up_is_applied_to_every_number(sim, tiny, method, discarded):
    words = ("run", "--trace", tiny, "--format", "json", "--set", f"run.warm_up={method}")
    summary = json.loads(sim(*words).out)
    assert summary["warm_up"]["discarded"] == discarded
    assert summary["requests"] == 40 - discarded
    assert sum(summary["hits"].values()) == 40 - discarded
    assert summary["bounds"]["no_cache"]["requests"] == 40 - discarded


def test_the_heading_says_whether_prices_are_assumed_or_given(sim, tiny):
    gpu = ("--set", "prices.gpu_hour_usd=1.5")
    both = (*gpu, "--set", "prices.gib_hour_usd.host=0.01")
    for flags, said in (((), "assumed"), (gpu, "assumed in part"), (both, "given")):
        lines = sim("run", "--trace", tiny, *flags).out.splitlines()
        assert any(line.startswith("costs ") and line.endswith(f"prices {said}") for line in lines)


def test_more_users_means_more_requests_not_shorter_sessions(sim, tiny):
    words = ("run", "--trace", tiny, "--format", "json", "--rate-scale", "3")
    summary = json.loads(sim(*words).out)
    assert summary["requests"] == 120


def test_tiers_below_take_what_the_first_evicts(sim, tiny, tmp_path):
    scenario = tmp_path / "two.toml"
    scenario.write_text(
        f'[trace]\npath = "{tiny}"\n[cache]\ncapacity = "400MiB"\n'
        '[[cache.below]]\nname = "disk"\ncapacity = "500MiB"\n'
    )
    words = ("--scenario", scenario, "--policy", "lru", "--out", "a")
    assert sim("run", *words).code == 0
    journal = pq.read_table(tmp_path / "a" / "journal.parquet").to_pylist()
    calls = [(row["call"], row["answer"]) for row in journal]
    assert calls.count(("demote", "disk")) > 5
    assert calls.count(("evict", "disk")) > 2


def test_help_answers_at_once():
    # What takes time is what is imported: so many modules are a tenth of a second.
    command = [sys.executable, "-X", "importtime", "-m", "chorus_sim", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert "run" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"click", "chorus_sim.cli.main"} <= loaded
    assert len(loaded) < 250
    slow = {"numpy", "pyarrow", "simpy", "numba", "scipy", "ray", "optuna", "plotly", "torch"}
    assert not loaded & slow


def test_policies_and_profiles_list_and_explain(sim):
    listed = sim("policies")
    assert {"adaptive", "lru", "s3fifo"} <= {line.split()[0] for line in listed.out.splitlines()}
    explained = sim("policies", "--explain", "adaptive")
    assert "worth" in explained.out
    profiles = sim("profiles")
    for model in ("wan2.1-1.3b", "wan2.1-14b"):
        for device in ("h200", "h100", "a100"):
            for shape in ("480p-50step", "480p-4step", "720p-50step", "720p-4step"):
                assert f"{model}-{shape}-{device}" in profiles.out
    profile = msgspec.json.decode(sim("profiles", "--explain", "wan2.1-14b-720p-4step-a100").out)
    assert profile["source"] == "modelled"


def test_an_explained_policy_is_a_policy_file_with_the_same_fingerprint(sim, tmp_path, tiny):
    text = sim("policies", "--explain", "adaptive").out
    (tmp_path / "mine.toml").write_text(text)
    words = ("run", "--trace", tiny, "--format", "json", "--policy")
    preset = json.loads(sim(*words, "adaptive").out)
    mine = json.loads(sim(*words, "./mine.toml").out)
    assert preset["policy"] == mine["policy"]
    assert preset["gpu_seconds"] == mine["gpu_seconds"]


@pytest.mark.parametrize(
    "words", [("run",), ("compare", "--policies", "lru,fifo", "--capacities", "1GiB")]
)
def test_embeddings_of_an_unknown_model_are_named(sim, tiny, words):
    said = [line for line in sim(*words, "--trace", tiny).err.splitlines() if "caution" in line]
    assert len(said) == 1
    assert "made the embeddings of " in said[0]
    assert "tiny.jsonl: if it is not the one" in said[0]
