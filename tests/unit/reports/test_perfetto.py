"""The Chrome trace of a window: slices that nest, arrows that bind, the run's own instants."""

import gzip
import json
from collections import defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest

from chorus_reports.perfetto import Window, write_perfetto
from chorus_sim.experiment import prepare
from chorus_sim.outcome import carry_out, write_outcome
from chorus_sim.scenario import CacheSection, FleetSection, LowerTier, RunSection, Scenario
from chorus_traces.errors import ScenarioError
from chorus_traces.request import Request
from chorus_traces.trace import Trace

WINDOW = Window(begin_s=600.0, end_s=1500.0)
US = 1e6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run with waiting, both kinds of reuse, copies on arrival, demotions and evictions."""
    chance = np.random.default_rng(5)
    place = chance.integers(0, 20, 300)
    vectors = chance.normal(size=(20, 16))[place] + 0.15 * chance.normal(size=(300, 16))
    twin = np.arange(300) % 10 == 9
    requests = []
    for number in range(300):
        source = 0 if twin[number] else number
        vectors[number] = vectors[source]
        requests.append(
            Request(
                id=f"r{number}",
                arrival_s=number * 12.0,
                prompt=f"p{source}",
                negative_prompt="",
                seed=source,
                tenant="t",
            )
        )
    trace = Trace(name="made", requests=tuple(requests)).with_embeddings(vectors, "random")
    scenario = Scenario(
        policy="windowed",
        fleet=FleetSection(gpus=3),
        cache=CacheSection(capacity="1GiB", below=(LowerTier(name="disk", capacity="8GiB"),)),
        run=RunSection(bounds="none"),
    )
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHORUS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        write_outcome(carry_out(prepare(scenario, trace), lambda *_: None), folder)
    return folder


@pytest.fixture(scope="module")
def events(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("trace") / "trace.json.gz"
    assert write_perfetto(folder, WINDOW, out) > 50
    return json.loads(gzip.decompress(out.read_bytes()))["traceEvents"]


def of(events, *phases):
    return [event for event in events if event["ph"] in phases]


def test_every_event_has_what_its_phase_needs(events):
    needs = {
        "X": {"name", "ts", "dur", "pid", "tid", "args"},
        "M": {"name", "pid", "tid", "args"},
        "C": {"name", "ts", "pid", "args"},
        "b": {"name", "cat", "id", "ts", "pid", "tid"},
        "e": {"name", "cat", "id", "ts", "pid", "tid"},
        "s": {"name", "cat", "id", "ts", "pid", "tid"},
        "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
    }
    for event in events:
        assert needs[event["ph"]] <= set(event)
        assert event.get("dur", 1) > 0
        assert event.get("ts", 0) >= 0
    assert {event["ph"] for event in events} == set(needs)


def test_slices_of_one_thread_nest_or_lie_apart(events):
    threads = defaultdict(list)
    for event in of(events, "X"):
        threads[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert len(threads) == 3
    checked = 0
    for slices in threads.values():
        open_ends = []
        for begin, end in sorted(slices, key=lambda one: (one[0], -one[1])):
            while open_ends and open_ends[-1] <= begin + 1:
                open_ends.pop()
            assert not open_ends or end <= open_ends[-1] + 1  # a microsecond of rounding
            open_ends.append(end)
            checked += 1
    assert checked > 300


def test_stages_fill_the_request_and_carry_the_names_of_the_plan(events):
    threads = defaultdict(list)
    for event in of(events, "X"):
        threads[event["tid"]].append(event)
    named = defaultdict(set)
    for slices in threads.values():
        parents = [event for event in slices if "request" in event["args"]]
        for parent in parents:
            end = parent["ts"] + parent["dur"]
            inside = [
                event
                for event in slices
                if event is not parent and parent["ts"] - 1 <= event["ts"] < end - 1
            ]
            assert sum(event["dur"] for event in inside) == pytest.approx(parent["dur"], rel=1e-6)
            named[parent["args"]["kind"]] |= {event["name"] for event in inside}
    assert {"load for full reuse", "SRD", "repair", "decode", "store"} <= named["regional"]
    assert {"load for full reuse", "repair"} <= named["resume"]
    assert "SRD" not in named["resume"]
    assert {"text encode", "denoise", "encode", "store"} <= named["fresh"]


def test_arrows_lead_from_a_donor_to_its_user_and_bind_to_slices(events):
    starts = {event["id"]: event for event in of(events, "s")}
    ends = {event["id"]: event for event in of(events, "f")}
    assert len(starts) == len(ends) > 10
    requests = {
        event["args"]["request"]: event for event in of(events, "X") if "request" in event["args"]
    }
    for number, end in ends.items():
        user = requests[number]
        donor = requests[user["args"]["donor"]]
        for arrow, slice_ in ((starts[number], donor), (end, user)):
            assert arrow["tid"] == slice_["tid"]
            assert slice_["ts"] <= arrow["ts"] <= slice_["ts"] + slice_["dur"]
        assert starts[number]["ts"] <= end["ts"]


def test_asynchronous_slices_come_in_pairs(events):
    begun = {(event["name"], event["id"]): event["ts"] for event in of(events, "b")}
    ended = {(event["name"], event["id"]): event["ts"] for event in of(events, "e")}
    assert begun.keys() == ended.keys()
    assert all(begun[key] < ended[key] for key in begun)
    assert any(name == "wait" for name, _ in begun)
    assert any(name.startswith("copy ") for name, _ in begun)


def test_counters_are_the_levels_of_the_run(folder, events):
    records = pq.read_table(folder / "requests.parquet").to_pydict()
    arrival, start = np.array(records["arrival_s"]), np.array(records["start_s"])
    waiting = [event for event in of(events, "C") if event["name"] == "waiting requests"]
    assert waiting[0]["ts"] == WINDOW.begin_s * US
    for event in waiting:
        at = event["ts"] / US
        # A trace's instants are whole nanoseconds: what happens within one is before or after it.
        levels = [
            int(((arrival <= near) & (start > near) & (start > arrival)).sum())
            for near in (at - 1e-6, at, at + 1e-6)
        ]
        assert min(levels) <= event["args"]["requests"] <= max(levels)
    names = {event["name"] for event in of(events, "C")}
    assert names == {"waiting requests", "busy GPUs", "bytes in host", "bytes in disk"}
    assert max(event["args"]["requests"] for event in waiting) > 1


def test_only_requests_of_the_window_are_drawn(folder, events, tmp_path):
    records = pq.read_table(folder / "requests.parquet").to_pydict()
    arrival = dict(zip(records["id"], records["arrival_s"], strict=True))
    for event in of(events, "X"):
        if "request" in event["args"]:
            assert arrival[event["args"]["id"]] < WINDOW.end_s
            assert event["ts"] + event["dur"] > WINDOW.begin_s * US
    plain = tmp_path / "trace.json"
    write_perfetto(folder, WINDOW, plain)
    assert json.loads(plain.read_bytes())["traceEvents"] == events


def test_without_the_profiles_denoising_is_not_split(folder, tmp_path):
    for name in ("summary.json", "scenario.toml", "requests.parquet", "journal.parquet"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    write_perfetto(tmp_path, WINDOW, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_bytes())["traceEvents"]
    names = {event["name"] for event in of(events, "X")}
    assert "SRD and repair" in names
    assert "SRD" not in names


def test_a_window_without_requests_is_an_error(folder, tmp_path):
    with pytest.raises(ScenarioError, match="no request lies between"):
        write_perfetto(folder, Window(begin_s=1e6, end_s=2e6), tmp_path / "trace.json")
    with pytest.raises(ScenarioError, match="No such file"):
        write_perfetto(folder, WINDOW, tmp_path / "absent" / "trace.json")
