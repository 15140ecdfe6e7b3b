"""What a server adds outside its stages is part of every computed request, and of no copy."""

import msgspec
import numpy as np
import pytest
from live_run import serve_all, some_prompts

from chorus_policies.costs.profile import StageTime, read_profile, write_profile
from chorus_sim.live.calibrate import blank
from chorus_sim.live.predict import Replica, column
from chorus_sim.live.run import read_run


def test_it_lengthens_the_service_of_computed_requests_alone(tmp_path):
    run = read_run(serve_all(tmp_path, some_prompts(40), capacity="64MiB", seeds=True))
    bare = msgspec.structs.replace(blank(run.facts), full_step=StageTime(mean_s=1e-4))
    served = msgspec.structs.replace(bare, server=StageTime(mean_s=2e-4))
    tables = [Replica(run, one, run.policy).expected().records for one in (bare, served)]
    kinds = [table["kind"].to_pylist() for table in tables]
    assert kinds[0] == kinds[1]
    copied = np.array(kinds[0]) == "copy"
    assert 0 < copied.sum() < len(copied)
    service = [column(table, "finish_s") - column(table, "start_s") for table in tables]
    added = service[1] - service[0]
    assert added[~copied] == pytest.approx(2e-4)
    assert added[copied] == pytest.approx(0)
    stages = ("text_encode", "embed", "lookup", "load", "denoise", "vae_decode", "video_encode")
    known = sum(column(tables[1], f"{name}_s") for name in stages)
    assert (service[1] - known)[~copied] == pytest.approx(2e-4)


def test_a_profile_without_it_reads_as_nothing(tmp_path):
    run = read_run(serve_all(tmp_path, some_prompts(5)))
    profile = blank(run.facts)
    write_profile(profile, tmp_path / "p.json")
    text = (tmp_path / "p.json").read_bytes()
    table = msgspec.json.decode(text)
    del table["server"]
    (tmp_path / "old.json").write_bytes(msgspec.json.encode(table))
    assert read_profile(tmp_path / "old.json") == profile
