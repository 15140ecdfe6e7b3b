"""What a well-formed trace file becomes."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from chorus_traces.read import read_trace


def jsonl(folder: Path, *rows: dict, name: str = "t.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_request_keeps_every_stated_field(tmp_path):
    row = {
        "id": "a",
        "arrival_s": 1.5,
        "prompt": "a cat",
        "negative_prompt": "",
        "seed": 7,
        "model": "wan2.1",
        "height": 480,
        "width": 832,
        "frames": 81,
        "steps": 50,
        "guidance": 5.0,
        "tenant": "acme",
        "user": "u1",
        "conditioning": "sha",
    }
    request = read_trace(jsonl(tmp_path, row)).requests[0]
    assert {name: getattr(request, name) for name in row} == row


def test_the_trace_is_named_after_its_file(tmp_path):
    path = jsonl(tmp_path, {"arrival_s": 0, "prompt": "x"})
    assert read_trace(path).name == str(path)


def test_unknown_fields_are_kept_as_extra(tmp_path):
    path = jsonl(tmp_path, {"arrival_s": 0, "prompt": "x", "lora": {"style": 0.5}, "note": None})
    assert read_trace(path).requests[0].extra == {"lora": {"style": 0.5}, "note": None}


def test_arrival_s_is_kept_as_it_is(tmp_path):
    path = jsonl(tmp_path, {"arrival_s": 3.25, "prompt": "x"}, {"arrival_s": 4, "prompt": "y"})
    assert [r.arrival_s for r in read_trace(path).requests] == [3.25, 4.0]


def test_arrival_s_wins_over_timestamp_which_becomes_extra(tmp_path):
    path = jsonl(tmp_path, {"arrival_s": 3, "timestamp": 1700000000, "prompt": "x"})
    request = read_trace(path).requests[0]
    assert (request.arrival_s, request.extra) == (3.0, {"timestamp": 1700000000})


@pytest.mark.parametrize(
    "stamps",
    [
        ("2024-11-15T16:57:50Z", "2024-11-15T16:57:52.500Z"),
        ("2024-11-15T17:57:50+01:00", "2024-11-15T16:57:52.5+00:00"),
        ("2024-11-15 16:57:50", "2024-11-15 16:57:52.5"),
        (1731689870, 1731689872.5),
        ("1731689870", "1731689872.5"),
        (1731689870000, 1731689872500),
        ("1731689870000", "1731689872500"),
    ],
)
def test_timestamps_are_shifted_so_that_the_first_is_zero(tmp_path, stamps):
    path = jsonl(tmp_path, *({"timestamp": stamp, "prompt": "x"} for stamp in stamps))
    assert [r.arrival_s for r in read_trace(path).requests] == [0.0, 2.5]


def test_a_missing_id_is_the_row_number(tmp_path):
    path = jsonl(tmp_path, {"arrival_s": 0, "prompt": "x"}, {"arrival_s": 0, "prompt": "y"})
    assert [r.id for r in read_trace(path).requests] == ["r000001", "r000002"]


def test_whole_numbers_become_text_where_a_name_is_needed(tmp_path):
    path = jsonl(tmp_path, {"id": 12, "user": 3.0, "arrival_s": 0, "prompt": "x"})
    request = read_trace(path).requests[0]
    assert (request.id, request.user) == ("12", "3")


@pytest.mark.parametrize("height", [480, 480.0, "480", "480.0"])
def test_integral_numbers_in_any_notation_are_whole(tmp_path, height):
    path = jsonl(tmp_path, {"arrival_s": 0, "prompt": "x", "height": height})
    assert read_trace(path).requests[0].height == 480


def test_the_largest_seed_is_exact(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f"arrival_s,prompt,seed\n0,x,{2**64 - 1}\n")
    assert read_trace(path).requests[0].seed == 2**64 - 1


def test_blank_lines_and_a_byte_order_mark_are_skipped(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"arrival_s": 0, "prompt": "x"}\n\n{"arrival_s": 1, "prompt": "y"}'
    )
    assert len(read_trace(path)) == 2


def test_an_empty_csv_cell_is_not_stated(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,prompt,height,note\n0,x,,\n")
    request = read_trace(path).requests[0]
    assert (request.height, request.extra) == (None, {})


def test_a_csv_column_without_a_name_gets_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",arrival_s,prompt\n0,0,x\n")
    assert read_trace(path).requests[0].extra == {"column_1": "0"}


def test_a_csv_prompt_may_span_lines(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('arrival_s,prompt\n0,"two\nlines, ""quoted"""\n')
    assert read_trace(path).requests[0].prompt == 'two\nlines, "quoted"'


def test_parquet_instants_numbers_and_dates_are_read(tmp_path):
    path = tmp_path / "t.parquet"
    moment = datetime(2022, 8, 11, 9, 5, tzinfo=UTC)
    table = pa.table(
        {
            "timestamp": pa.array([moment], pa.timestamp("ns", "UTC")),
            "prompt": ["x"],
            "height": [480.0],
            "score": [float("nan")],
            "made": pa.array([moment], pa.timestamp("ms", "UTC")),
        }
    )
    pq.write_table(table, path)
    request = read_trace(path).requests[0]
    assert (request.arrival_s, request.height) == (0.0, 480)
    assert request.extra == {"made": "2022-08-11T09:05:00Z"}


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("kind", [".jsonl", ".csv"])
def test_packed_files_are_read(tmp_path, kind, ending):
    plain = {
        ".jsonl": b'{"arrival_s": 0, "prompt": "a cat"}\n',
        ".csv": b"arrival_s,prompt\n0,a cat\n",
    }[kind]
    pack = gzip.compress if ending == ".gz" else zstandard.ZstdCompressor().compress
    path = tmp_path / f"t{kind}{ending}"
    path.write_bytes(pack(plain))
    assert read_trace(path).requests[0].prompt == "a cat"


def test_zstd_frames_in_a_row_are_one_file(tmp_path):
    pack = zstandard.ZstdCompressor().compress
    path = tmp_path / "t.jsonl.zst"
    path.write_bytes(
        pack(b'{"arrival_s": 0, "prompt": "x"}\n') + pack(b'{"arrival_s": 1, "prompt": "y"}\n')
    )
    assert len(read_trace(path)) == 2


def test_a_field_map_names_foreign_columns(tmp_path):
    path = jsonl(tmp_path, {"created_at": "2024-01-01T00:00:00Z", "text": "a cat", "n": 1})
    trace = read_trace(path, field_map={"prompt": "text", "timestamp": "created_at"})
    assert (trace.requests[0].prompt, trace.requests[0].extra) == ("a cat", {"n": 1})


def test_a_mapped_column_replaces_the_own_one(tmp_path):
    path = jsonl(tmp_path, {"arrival_s": 0, "prompt": "old", "text": "new"})
    request = read_trace(path, field_map={"prompt": "text"}).requests[0]
    assert (request.prompt, request.extra) == ("new", {})


def test_two_fields_may_share_a_column(tmp_path):
    path = jsonl(tmp_path, {"arrival_s": 0, "prompt": "x", "uuid": "u"})
    request = read_trace(path, field_map={"id": "uuid", "user": "uuid"}).requests[0]
    assert (request.id, request.user) == ("u", "u")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_embeddings_in_the_rows_are_collected(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    if kind == "jsonl":
        jsonl(tmp_path, {"arrival_s": 0, "prompt": "x", "embedding": [3, 4.0]})
    elif kind == "csv":
        path.write_text('arrival_s,prompt,embedding\n0,x,"[3, 4.0]"\n')
    else:
        pq.write_table(pa.table({"arrival_s": [0], "prompt": ["x"], "embedding": [[3, 4]]}), path)
    trace = read_trace(path)
    np.testing.assert_allclose(trace.embeddings, [[0.6, 0.8]], rtol=1e-6)
    assert trace.embedder is None
    assert trace.requests[0].extra == {}


def test_an_empty_prompt_is_a_prompt(tmp_path):
    path = jsonl(tmp_path, {"arrival_s": 0, "prompt": ""})
    assert read_trace(path).requests[0].prompt == ""


def test_an_empty_csv_prompt_is_a_prompt(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,prompt\n0,\n")
    assert read_trace(path).requests[0].prompt == ""


def test_five_thousand_real_requests_are_read(real5k):
    trace = read_trace(real5k)
    assert len(trace) == 5000
    assert len({request.user for request in trace.requests}) > 1000
