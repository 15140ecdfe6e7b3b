"""Instants from one file, prompts from another."""

from pathlib import Path

import numpy as np
import pytest

from chorus_traces.adapters import read_foreign
from chorus_traces.arrivals import with_arrivals
from chorus_traces.errors import TraceError
from chorus_traces.request import Request
from chorus_traces.trace import Trace


@pytest.fixture
def prompts() -> Trace:
    return Trace(
        name="prompts",
        requests=tuple(Request(id=n, arrival_s=0, prompt=f"prompt {n}") for n in "abc"),
    ).with_embeddings(np.eye(3), "mini")


def arrivals(folder: Path, header: str, *cells: object) -> Path:
    path = folder / "arrivals.csv"
    path.write_text("\n".join([header, *(f"{cell},1" for cell in cells)]))
    return path


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("arrival_s", (10, 12.5, 14)),
        ("timestamp_s", (10, 12.5, 14)),
        ("timestamp", (1700000000000, 1700000002500, 1700000004000)),
        ("timestamp", ("2024-01-01T00:00:00Z", "2024-01-01T00:00:02.5Z", "2024-01-01T00:00:04Z")),
    ],
)
def test_instants_are_joined_in_order_and_start_at_zero(tmp_path, prompts, column, cells):
    joined = with_arrivals(prompts, arrivals(tmp_path, f"{column},tokens", *cells))
    assert [(r.id, r.arrival_s) for r in joined.requests] == [("a", 0), ("b", 2.5), ("c", 4)]


def test_everything_else_is_kept(tmp_path, prompts):
    joined = with_arrivals(prompts, arrivals(tmp_path, "arrival_s,n", 0, 1, 2))
    assert joined.embeddings is prompts.embeddings
    assert joined.embedder == "mini"


def test_instants_out_of_order_are_sorted(tmp_path, prompts):
    joined = with_arrivals(prompts, arrivals(tmp_path, "arrival_s,n", 4, 0, 1))
    assert [r.arrival_s for r in joined.requests] == [0, 1, 4]


def test_instants_beyond_the_last_prompt_are_not_used(tmp_path, prompts):
    assert len(with_arrivals(prompts, arrivals(tmp_path, "arrival_s,n", *range(9)))) == 3


def test_too_few_instants_are_refused(tmp_path, prompts):
    with pytest.raises(TraceError, match="2 instants for 3 requests of prompts"):
        with_arrivals(prompts, arrivals(tmp_path, "arrival_s,n", 0, 1))


def test_a_file_without_instants_is_refused(tmp_path, prompts):
    with pytest.raises(TraceError, match=r"arrivals\.csv:2: no column of instants.*seen: when, n"):
        with_arrivals(prompts, arrivals(tmp_path, "when,n", 0, 1, 2))


@pytest.mark.parametrize("cell", ["soon", "nan", ""])
def test_a_bad_instant_is_told_at_its_line(tmp_path, prompts, cell):
    with pytest.raises(TraceError, match=r"arrivals\.csv:3: arrival_s is"):
        with_arrivals(prompts, arrivals(tmp_path, "arrival_s,n", 0, cell, 2))


def test_a_prompt_list_without_instants_gets_them_in_file_order(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "x"}\n{"prompt": "y", "timestamp": 0}\n')
    trace = read_foreign(path, "bench", arrivals=arrivals(tmp_path, "timestamp_s,n", 5, 8))
    assert [(r.prompt, r.arrival_s) for r in trace.requests] == [("x", 0), ("y", 3)]


def test_real_arrivals_are_joined(real5k, prompts):
    joined = with_arrivals(prompts, real5k.with_name("arrivals_gentd26.csv"))
    assert joined.requests[1].arrival_s == 4704
