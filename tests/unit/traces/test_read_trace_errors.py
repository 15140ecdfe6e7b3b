"""Every bad trace file gives one line: where, what was got, what is needed, what to do."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from chorus_traces.errors import TraceError
from chorus_traces.read import read_trace

GOOD = {"arrival_s": 3.5, "prompt": "a cat"}


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(TraceError) as caught:
        read_trace(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def lines(folder: Path, *rows: object, before: int = 16) -> Path:
    """A file whose first bad line is line 17."""
    path = folder / "t.jsonl"
    texts = [json.dumps(GOOD)] * before + [
        row if isinstance(row, str) else json.dumps(row) for row in rows
    ]
    path.write_text("\n".join(texts) + "\n")
    return path


def test_the_line_of_the_fault_is_named(tmp_path):
    assert ":17: " in refusal(lines(tmp_path, "{broken"))


def test_arrivals_that_go_back_are_told_with_both_instants(tmp_path):
    path = lines(tmp_path, {"arrival_s": 3.2, "prompt": "x"})
    assert refusal(path) == (
        f"{path}:17: arrival_s 3.2 is before 3.5; arrivals must not go back (sort the file)"
    )


def test_timestamps_that_go_back_are_told_as_they_are_written(tmp_path):
    rows = [{"timestamp": f"2024-01-0{day}T00:00:00Z", "prompt": "x"} for day in (2, 1)]
    message = refusal(lines(tmp_path, *rows, before=0))
    assert "timestamp 2024-01-01T00:00:00Z is before 2024-01-02T00:00:00Z" in message


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("[1, 2]", "the line is a JSON list"),
        ("17", "the line is a JSON int"),
        ("{} {}", "not JSON"),
        ('{"arrival_s": NaN, "prompt": "x"}', "not JSON"),
        ('{"arrival_s": 1e999, "prompt": "x"}', "not JSON"),
        ('{"a": ' + "[" * 100_000, "not JSON"),
        ('{"arrival_s": 9, "prompt": "\\ud800"}', "not JSON"),
        ({"arrival_s": 9}, "no prompt; columns seen: arrival_s"),
        ({"arrival_s": 9, "prompt": None}, "no prompt"),
        ({"arrival_s": 9, "prompt": 5}, "prompt is 5; text is needed"),
        ({"arrival_s": 9, "prompt": ["x"]}, "prompt is ['x']; text is needed"),
        ({"arrival_s": 9, "prompt": "x" * 100_001}, "100001 characters; at most 100000"),
        ({"prompt": "x"}, "no arrival_s"),
        ({"arrival_s": "soon", "prompt": "x"}, "arrival_s is 'soon'; a finite number"),
        ({"arrival_s": "nan", "prompt": "x"}, "arrival_s is 'nan'; a finite number"),
        ({"arrival_s": "inf", "prompt": "x"}, "arrival_s is 'inf'; a finite number"),
        ({"arrival_s": 10**400, "prompt": "x"}, "a finite number is needed"),
        ({"arrival_s": True, "prompt": "x"}, "arrival_s is True"),
        ({"arrival_s": "1_0", "prompt": "x"}, "arrival_s is '1_0'"),
        ({"arrival_s": 1e18, "prompt": "x"}, "arrival_s is 1e+18, over 100 years; seconds"),
        ({"arrival_s": 9, "prompt": "x", "steps": 10**12}, "steps is 1000000000000; at most 1000"),
        ({"arrival_s": 9, "prompt": "x", "height": 480.5}, "height is 480.5; a whole number"),
        ({"arrival_s": 9, "prompt": "x", "height": "tall"}, "height is 'tall'; a whole number"),
        ({"arrival_s": 9, "prompt": "x", "height": False}, "height is False; a whole number"),
        ({"arrival_s": 9, "prompt": "x", "height": [1]}, "height is [1]; a whole number"),
        ({"arrival_s": 9, "prompt": "x", "height": "1_0"}, "height is '1_0'; a whole number"),
        ({"arrival_s": 9, "prompt": "x", "height": 0}, "height is 0; a number > 0"),
        ({"arrival_s": 9, "prompt": "x", "steps": -1}, "steps is -1; a number > 0"),
        ({"arrival_s": 9, "prompt": "x", "seed": 2**64}, "at most 64 bits"),
        ({"arrival_s": 9, "prompt": "x", "guidance": -1}, "guidance is -1"),
        ({"arrival_s": 9, "prompt": "x", "model": 5}, "model is 5; text is needed"),
        ({"arrival_s": 9, "prompt": "x", "user": 1.5}, "user is 1.5"),
        ({"arrival_s": 9, "prompt": "x", "id": ""}, "id is empty"),
        ({"arrival_s": 9, "prompt": "x", "embedding": [1]}, "an embedding, unlike the first row"),
        ({"arrival_s": 9, "prompt": "x", "embedding": "cat"}, "embedding is not a list"),
        ({"arrival_s": 9, "prompt": "x", "embedding": [True]}, "embedding is not a list"),
        ({"arrival_s": 9, "prompt": "x", "embedding": []}, "embedding is not a list"),
    ],
)
def test_a_bad_line_is_told_at_its_place(tmp_path, row, complaint):
    path = lines(tmp_path, row)
    message = refusal(path)
    assert message.startswith(f"{path}:17: ")
    assert complaint in message


def test_a_negative_first_arrival_is_refused(tmp_path):
    message = refusal(lines(tmp_path, {"arrival_s": -1, "prompt": "x"}, before=0))
    assert ":1: arrival_s is -1.0" in message


@pytest.mark.parametrize(
    ("stamp", "complaint"),
    [
        ("yesterday", "timestamp is 'yesterday'; ISO 8601"),
        (1.7e15, "epoch seconds or epoch milliseconds are needed"),
        ("2024-01-01", "is ISO 8601, but the file began with epoch seconds"),
        ([1], "timestamp is [1]"),
        (None, "no arrival_s and no timestamp"),
    ],
)
def test_a_bad_timestamp_is_told_at_its_place(tmp_path, stamp, complaint):
    rows = [{"timestamp": 1700000000, "prompt": "x"}, {"timestamp": stamp, "prompt": "y"}]
    message = refusal(lines(tmp_path, *rows, before=0))
    assert ":2: " in message
    assert complaint in message


def test_a_number_among_iso_timestamps_is_refused(tmp_path):
    rows = [{"timestamp": "2024-01-01", "prompt": "x"}, {"timestamp": 1800000000, "prompt": "y"}]
    assert "is a number, but the file began with ISO 8601" in refusal(
        lines(tmp_path, *rows, before=0)
    )


def test_an_id_used_twice_is_told_with_both_places(tmp_path):
    path = lines(tmp_path, {**GOOD, "id": "a"}, GOOD, {**GOOD, "id": "a"}, before=0)
    assert f"{path}:3: id 'a' is already used at {path}:1" in refusal(path)


def test_an_id_that_looks_generated_must_not_clash(tmp_path):
    path = lines(tmp_path, GOOD, {**GOOD, "id": "r000001"}, before=0)
    assert ":2: id 'r000001' is already used" in refusal(path)


@pytest.mark.parametrize(
    ("second", "complaint"),
    [({}, "no embedding, unlike the first row"), ({"embedding": [1]}, "width 1; 2 is needed")],
)
def test_uneven_embeddings_are_refused(tmp_path, second, complaint):
    path = lines(tmp_path, {**GOOD, "embedding": [1, 0]}, {**GOOD, **second}, before=0)
    assert complaint in refusal(path)


def test_an_embedding_without_direction_is_refused(tmp_path):
    path = lines(tmp_path, {**GOOD, "embedding": [0, 0]}, before=0)
    assert "embedding of row 0" in refusal(path)


def test_a_missing_prompt_column_suggests_the_map(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,caption,size\n0,x,3\n")
    message = refusal(path)
    assert "columns seen: arrival_s, caption, size" in message
    assert "--map prompt=caption" in message


def test_a_map_to_a_missing_column_is_refused(tmp_path):
    path = lines(tmp_path, GOOD, before=0)
    assert "no 'text' (mapped to prompt); columns seen: " in refusal(
        path, field_map={"prompt": "text"}
    )


def test_a_map_without_effect_is_refused(tmp_path):
    path = lines(tmp_path, GOOD, before=0)
    assert "no 'session' (mapped to user)" in refusal(path, field_map={"user": "session"})


def test_a_map_of_an_unknown_field_is_refused(tmp_path):
    path = lines(tmp_path, GOOD, before=0)
    with pytest.raises(TraceError, match=r"unknown field 'promt'.*did you mean 'prompt'"):
        read_trace(path, field_map={"promt": "text"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("arrival_s,prompt\n0,a\n0,b,c\n", ":3: 3 cells; the header has 2"),
        ("arrival_s,prompt\n0,a\n0\n", ":3: 1 cells; the header has 2"),
        ('arrival_s,prompt\n0,"a\nb"\n-1,c\n', ":4: arrival_s -1.0 is before 0.0"),
        ('arrival_s,prompt\n0,"a\n', ":2: not CSV"),
        ('arrival_s,prompt\n0,"a"b\n', ":2: not CSV"),
        ("arrival_s,prompt\n0," + "x" * 140_000 + "\n", ":2: not CSV"),
        ("arrival_s,prompt,prompt\n0,a,b\n", "column 'prompt' appears twice"),
        ("arrival_s,prompt\n", "no requests"),
        ("", "no requests"),
        ("arrival_s,prompt\nnan,a\n", ":2: arrival_s is 'nan'"),
        ('arrival_s,prompt,seed,extra\n0,a,1,"{""seed"": 2}"\n', ":2: 'seed' has a column and"),
        ('arrival_s,prompt,embedding\n0,a,"[1, NaN]"\n', ":2: embedding is not a list"),
    ],
)
def test_a_bad_csv_file_is_told_at_its_line(tmp_path, text, complaint):
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert complaint in refusal(path)


def test_a_bad_parquet_row_is_told_by_its_number(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"arrival_s": [0.0, float("nan")], "prompt": ["x", "y"]}), path)
    assert f"{path}: row 2: arrival_s is nan" in refusal(path)


def test_infinity_in_an_unknown_column_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"arrival_s": [0], "prompt": ["x"], "z": [float("inf")]}), path)
    assert "row 1: z is inf" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_a_file_that_is_not_parquet_is_refused(tmp_path, content):
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    assert "not a readable Parquet file" in refusal(path)


def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"arrival_s": [0], "prompt": ["x"]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "not a readable Parquet file" in refusal(path)


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv", "t.parquet", "t.jsonl.gz", "t.csv.zst"])
def test_a_missing_file_is_told(tmp_path, name):
    assert "no such file" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_a_folder_is_no_trace(tmp_path, name):
    (tmp_path / name).mkdir()
    assert "is a folder" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.zst"])
def test_an_empty_file_has_no_requests(tmp_path, name):
    (tmp_path / name).touch()
    assert "no requests" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["t.txt", "t", "t.json", "t.parquet.gz", "t.zst"])
def test_an_unknown_ending_names_the_known_ones(tmp_path, name):
    message = refusal(tmp_path / name)
    assert "unknown trace format" in message
    assert ".csv, .csv.gz, .csv.zst, .jsonl, .jsonl.gz, .jsonl.zst, .parquet" in message


def test_bytes_that_are_not_utf8_are_told_at_their_line(tmp_path):
    path = lines(tmp_path, GOOD)
    path.write_bytes(path.read_bytes()[:-3] + b"\xff\xfe\n")
    assert ":17: byte " in refusal(path)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_packed_file_that_is_cut_off_is_refused(tmp_path, ending):
    pack = gzip.compress if ending == ".gz" else zstandard.ZstdCompressor().compress
    packed = pack(lines(tmp_path, GOOD).read_bytes())
    path = tmp_path / f"t.jsonl{ending}"
    for size in (3, len(packed) // 2, len(packed) - 2):
        path.write_bytes(packed[:size])
        assert "ends too early" in refusal(path)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_packed_file_that_is_damaged_is_refused(tmp_path, ending):
    path = tmp_path / f"t.jsonl{ending}"
    path.write_bytes(b'{"arrival_s": 0, "prompt": "not packed"}\n')
    assert f"is not valid {ending} data" in refusal(path)


def test_a_line_without_end_is_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b" " * (2**24 + 1))
    assert ":1: the line is longer than" in refusal(path)


def test_a_parquet_file_with_a_damaged_page_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"arrival_s": [0], "prompt": ["x"]}), path)
    content = path.read_bytes()
    for place in range(4, 40):
        path.write_bytes(content[:place] + b"\xff" * 8 + content[place + 8 :])
        refusal(path)
