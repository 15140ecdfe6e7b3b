"""A policy that fails in the middle of a run costs the rest of the run, not what was measured."""

import json

import pyarrow.parquet as pq

from chorus_policies.live.record import RECORD_SCHEMA

BREAKS = """
import msgspec
from chorus_policies.eviction.lru import Lru


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Breaks(Lru):
    def __init__(self, config, setting):
        super().__init__(config, setting)
        self.evicted = 0

    def victim(self, pinned, now):
        self.evicted += 1
        if self.evicted > 40:
            raise ZeroDivisionError("of all things")
        return super().victim(pinned, now)
"""


def test_what_was_measured_before_a_policy_failed_is_kept(sim, tmp_path):
    (tmp_path / "breaks.py").write_text(BREAKS, encoding="utf-8")
    policy = tmp_path / "breaks.toml"
    policy.write_text('base = "lru"\n[eviction]\nkind = "./breaks.py:Breaks"\n', encoding="utf-8")
    out = tmp_path / "out"
    done = sim(
        "run", "--trace", "sample:studio-day", "--policy", policy, "--capacity", "4GiB",
        "--out", out,
    )  # fmt: skip
    assert done.code == 2
    line = done.err.strip().splitlines()[-1]
    assert "breaks: victim" in line
    assert "ZeroDivisionError: of all things" in line
    assert f"what was measured so far is in {out}/" in line
    assert sorted(path.name for path in out.iterdir()) == [
        "journal.parquet",
        "requests.parquet",
        "scenario.toml",
        "stopped.json",
    ]
    records = pq.read_table(out / "requests.parquet")
    assert records.schema.equals(RECORD_SCHEMA)
    stop = json.loads((out / "stopped.json").read_text(encoding="utf-8"))
    assert 40 < stop["served"] == len(records) < stop["requests"] == 5000
    assert set(records["kind"].to_pylist()) > {"fresh"}
    calls = pq.read_table(out / "journal.parquet")["call"].to_pylist()
    assert calls.count("evict") == 40
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]
