"""Foreign traces through their adapters."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chorus_traces.adapters import ADAPTERS, read_foreign
from chorus_traces.errors import TraceError


def bench(folder: Path, *rows: dict) -> Path:
    path = folder / "bench.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def diffusiondb(tmp_path) -> Path:
    minutes = (5, 3, None, 4)
    stamps = [None if m is None else datetime(2022, 8, 11, 9, m, tzinfo=UTC) for m in minutes]
    table = pa.table(
        {
            "image_name": [f"{n}.png" for n in range(4)],
            "prompt": ["a cat", "a dog", "gone", "  "],
            "part_id": pa.array([1] * 4, pa.uint16()),
            "seed": pa.array([2026845913] * 4, pa.uint32()),
            "step": pa.array([50] * 4, pa.uint16()),
            "cfg": pa.array([7.5] * 4, pa.float32()),
            "sampler": pa.array([8, 9, 8, 8], pa.uint8()),
            "width": pa.array([512] * 4, pa.uint16()),
            "height": pa.array([768] * 4, pa.uint16()),
            "user_name": ["c2f2", "deleted_account", None, "df77"],
            "timestamp": pa.array(stamps, pa.timestamp("us", "UTC")),
            "image_nsfw": pa.array([0.5] * 4, pa.float32()),
            "prompt_nsfw": pa.array([0.25] * 4, pa.float32()),
        }
    )
    path = tmp_path / "metadata.parquet"
    pq.write_table(table, path)
    return path


def test_diffusiondb_rows_are_sorted_by_time(diffusiondb):
    trace = read_foreign(diffusiondb, "diffusiondb")
    assert [(r.id, r.arrival_s) for r in trace.requests] == [("1.png", 0.0), ("0.png", 120.0)]


def test_diffusiondb_parameters_are_taken(diffusiondb):
    request = read_foreign(diffusiondb, "diffusiondb").requests[1]
    assert (request.prompt, request.seed, request.steps) == ("a cat", 2026845913, 50)
    assert (request.guidance, request.width, request.height) == (7.5, 512, 768)
    assert (request.user, request.extra["scheduler"]) == ("c2f2", "k_lms")
    assert request.extra["part_id"] == 1


def test_diffusiondb_deleted_accounts_are_not_one_user(diffusiondb):
    assert read_foreign(diffusiondb, "diffusiondb").requests[0].user is None


def test_rows_that_are_left_out_are_counted_in_one_warning(diffusiondb, caplog):
    with caplog.at_level(logging.WARNING):
        read_foreign(diffusiondb, "diffusiondb")
    assert [record.getMessage() for record in caplog.records] == [
        f"{diffusiondb}: left out 2 rows without a prompt or an instant"
    ]


@pytest.fixture
def vidprom(tmp_path) -> Path:
    path = tmp_path / "VidProM_unique.csv"
    path.write_text(
        "uuid,prompt,time,toxicity,obscene,identity_attack,insult,threat,sexual_explicit\n"
        '62e5,"zoomed out, sideview",Tue Oct 24 20:24:21 2023,0.01,0,0,0,0,0\n'
        "6a83,Flying among clouds,Sun Sep  3 12:27:44 2023,0.00129,0,7e-05,0,2e-05,2e-05\n"
    )
    return path


def test_vidprom_rows_are_sorted_by_time(vidprom):
    trace = read_foreign(vidprom, "vidprom")
    apart = datetime(2023, 10, 24, 20, 24, 21) - datetime(2023, 9, 3, 12, 27, 44)
    assert [(r.id, r.arrival_s) for r in trace.requests] == [
        ("6a83", 0.0),
        ("62e5", apart.total_seconds()),
    ]
    assert trace.requests[0].extra["identity_attack"] == "7e-05"


def test_a_vidprom_time_in_another_notation_is_told_at_its_line(vidprom):
    vidprom.write_text(vidprom.read_text().replace("Sun Sep  3", "Sunday 3rd of"))
    with pytest.raises(TraceError, match=r"VidProM_unique\.csv:3: time is 'Sunday"):
        read_foreign(vidprom, "vidprom")


def test_bench_timestamps_count_milliseconds(tmp_path):
    path = bench(
        tmp_path,
        {"timestamp": 1000, "prompt": "x", "output_tokens": 5},
        {"timestamp": "3500", "prompt": "y"},
    )
    trace = read_foreign(path, "bench")
    assert [r.arrival_s for r in trace.requests] == [0.0, 2.5]
    assert trace.requests[0].extra == {"output_tokens": 5}


@pytest.mark.parametrize("name", ["timestamp_ms", "arrival_ms", "offset_ms"])
def test_bench_offsets_in_milliseconds_are_known_by_name(tmp_path, name):
    path = bench(tmp_path, {name: 0, "prompt": "x"}, {name: 2500, "prompt": "y"})
    assert [r.arrival_s for r in read_foreign(path, "bench").requests] == [0.0, 2.5]


def test_bench_timestamps_may_be_iso(tmp_path):
    stamps = ("2024-01-01T00:00:02Z", "2024-01-01T00:00:00Z")
    path = bench(tmp_path, *({"timestamp": stamp, "prompt": "x"} for stamp in stamps))
    assert [r.arrival_s for r in read_foreign(path, "bench").requests] == [0.0, 2.0]


def test_bench_video_parameters_are_taken(tmp_path):
    row = {"timestamp": 0, "prompt": "x", "num_frames": 81, "num_inference_steps": 50}
    request = read_foreign(
        bench(tmp_path, {**row, "guidance_scale": 5, "request_id": "q", "slo_ms": 9}), "bench"
    ).requests[0]
    assert (request.id, request.frames, request.steps, request.guidance) == ("q", 81, 50, 5.0)
    assert request.extra == {"slo_ms": 9}


@pytest.mark.parametrize(
    "said",
    [
        {"text": "a cat"},
        {"conversations": [{"from": "human", "value": "a cat"}, {"from": "gpt", "value": "ok"}]},
        {"conversations": [{"role": "user", "content": "a cat"}]},
    ],
)
def test_bench_prompts_hide_in_several_fields(tmp_path, said):
    path = bench(tmp_path, {"arrival_s": 0, **said})
    assert read_foreign(path, "bench").requests[0].prompt == "a cat"


def test_bench_rows_without_instants_ask_for_arrivals(tmp_path):
    path = bench(tmp_path, {"prompt": "x", "output_tokens": 5})
    with pytest.raises(TraceError, match=r"bench\.jsonl:1: no instant.*--arrivals FILE"):
        read_foreign(path, "bench")


def test_a_file_of_another_source_is_told(tmp_path):
    path = bench(tmp_path, {"timestamp": 0, "hash_ids": [1], "input_length": 9})
    with pytest.raises(TraceError, match=r":1: no prompt; fields seen: hash_ids, input_length"):
        read_foreign(path, "bench")


def test_a_bad_value_is_told_at_its_line(tmp_path):
    path = bench(tmp_path, {"timestamp": 0, "prompt": "x"}, {"timestamp": 0, "prompt": 5})
    with pytest.raises(TraceError, match=r"bench\.jsonl:2: prompt is 5; text is needed"):
        read_foreign(path, "bench")


def test_an_unknown_adapter_suggests_the_nearest(tmp_path):
    with pytest.raises(TraceError, match=r"unknown adapter 'difusiondb'.*mean 'diffusiondb'"):
        read_foreign(tmp_path / "x.parquet", "difusiondb")


def test_every_adapter_says_what_it_reads():
    assert sorted(ADAPTERS) == ["bench", "diffusiondb", "vidprom"]
    assert all(adapter.about for adapter in ADAPTERS.values())
