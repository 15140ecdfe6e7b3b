import msgspec
import numpy as np
import pytest

from chorus_policies.entry import Query
from chorus_policies.live.call_log import CallLog, read_calls
from chorus_policies.live.calls import Call
from chorus_policies.live.record import RECORD_SCHEMA, STAGES, Record, records_table
from chorus_policies.plan import Regional
from chorus_traces.errors import PolicyError

PLAN = Regional(
    donor=3, similarity=0.91, k1=10, k2=30, active_share=0.3, amplification=1.5, reason="near"
)


def some_calls() -> list[Call]:
    vector = np.random.default_rng(1).normal(size=384).astype(np.float32)
    query = Query(
        sequence=7,
        namespace="n",
        identity="i",
        steps=50,
        latent_bytes=1024,
        result_bytes=0,
        embedding=vector,
        marks=frozenset({"two", "red"}),
        step_s=0.1,
    )
    return [
        Call(name="lookup", now_s=1 / 3, query=query),
        Call(name="store", now_s=0.7, query=query, plan=PLAN, cost_s=1.25),
        Call(name="release", now_s=0.9, key=3),
    ]


def written(path, calls):
    log = CallLog(path)
    for call in calls:
        log.write(call)
    log.close()


def assert_equal(got: list[Call], wanted: list[Call]) -> None:
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        if other.query is not None:
            assert one.query.embedding.dtype == np.float32
            assert np.array_equal(one.query.embedding, other.query.embedding)
            bare = {"embedding": None}
            one, other = (
                msgspec.structs.replace(c, query=msgspec.structs.replace(c.query, **bare))
                for c in (one, other)
            )
        assert one == other


def test_calls_come_back_as_they_were(tmp_path):
    written(tmp_path / "calls.log", some_calls())
    assert_equal(list(read_calls(tmp_path / "calls.log")), some_calls())


def test_every_cut_of_the_file_keeps_the_whole_records_before_it(tmp_path):
    path = tmp_path / "calls.log"
    written(path, some_calls())
    data = path.read_bytes()
    counts = set()
    for end in range(len(data) - 60, len(data)):
        path.write_bytes(data[:end])
        kept = list(read_calls(path))
        assert_equal(kept, some_calls()[: len(kept)])
        counts.add(len(kept))
    assert counts == {1, 2} or counts == {2}


def test_a_log_goes_on_after_a_torn_record(tmp_path):
    path = tmp_path / "calls.log"
    written(path, some_calls()[:2])
    path.write_bytes(path.read_bytes()[:-5])
    written(path, some_calls()[2:])
    assert_equal(list(read_calls(path)), [some_calls()[0], some_calls()[2]])


def test_damage_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "calls.log"
    written(path, some_calls())
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    with pytest.raises(PolicyError, match="damaged"):
        list(read_calls(path))


def test_another_file_is_no_call_log(tmp_path):
    path = tmp_path / "calls.log"
    path.write_text("hello")
    with pytest.raises(PolicyError, match="not a call log"):
        CallLog(path)
    with pytest.raises(PolicyError, match=r"absent\.log"):
        list(read_calls(tmp_path / "absent.log"))


def test_records_have_the_fields_of_the_schema_in_its_order():
    assert Record.__struct_fields__ == tuple(RECORD_SCHEMA.names)
    assert [f"{stage}_s" for stage in STAGES] == [
        name for name in RECORD_SCHEMA.names if name.removesuffix("_s") in STAGES
    ]
    record = Record(
        id="a", arrival_s=0.0, start_s=0.5, finish_s=1.0, held_s=0.5, worker=0, kind="fresh",
        reason="no similar entry", donor=None, similarity=None, k1=None, k2=None,
        active_share=None, steps=4, text_encode_s=0.1, embed_s=0.0, lookup_s=0.0, load_s=0.0,
        denoise_s=0.3, vae_decode_s=0.1, video_encode_s=0.0, store_s=0.0, load_bytes=0,
        store_bytes=10,
    )  # fmt: skip
    table = records_table([record])
    assert table.schema == RECORD_SCHEMA
    assert table.to_pylist()[0]["kind"] == "fresh"
