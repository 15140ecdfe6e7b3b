"""``--quality``: predicted quality of reuse stands beside what it saves, and says what it is."""

import json

import pyarrow.parquet as pq
import pytest
from small_curve import write_small_curve


@pytest.fixture
def curve(tmp_path):
    """A curve that knows SRD from two fifths of the steps, as ``lru`` plans it here."""
    return written(tmp_path, k1=0.4)


def written(tmp_path, k1):
    path = tmp_path / "curve.json"
    write_small_curve(path, (("full", 0.0, 0.0, 95), ("srd+tgaa", k1, 0.8, 80)))
    return path


def summary(sim, tiny, *words):
    answer = sim("run", "--trace", tiny, "--policy", "lru", "--format", "json", *words)
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_without_a_curve_nothing_is_predicted(sim, tiny, tmp_path):
    found = summary(sim, tiny, "--out", "plain")
    assert "quality" not in found
    assert "p_acceptable" not in pq.read_table(tmp_path / "plain/requests.parquet").column_names


def test_a_curve_of_another_model_is_an_assumption_and_says_so(sim, tiny, curve, tmp_path):
    found = summary(sim, tiny, "--quality", curve, "--out", "told")
    quality = found["quality"]
    assert quality["label"] == "measured on shapes, assumed here"
    assert quality["full_compute"]["share"] == 0.95
    reused = found["hits"]["regional"] + found["hits"]["resume"]
    assert quality["reused"]["requests"] == reused > 10
    known = quality["reused"]["known"]
    assert known == reused
    assert quality["reused"]["share"] == pytest.approx(0.8)
    assert quality["by_kind"]["regional"] == quality["reused"]
    assert quality["unknown_because"] == {}
    table = pq.read_table(tmp_path / "told/requests.parquet").to_pylist()
    predicted = [row for row in table if row["p_acceptable"] is not None]
    assert len(predicted) == known
    assert all(row["p_acceptable_low"] < row["p_acceptable"] for row in predicted)
    assert all(row["kind"] in ("regional", "resume") for row in predicted)
    assert found["bounds"]["no_cache"]["quality"]["reused"]["requests"] == 0


def test_what_the_curve_did_not_measure_stays_unknown(sim, tiny, tmp_path):
    quality = summary(sim, tiny, "--quality", written(tmp_path, k1=0.2))["quality"]
    assert quality["reused"]["known"] == 0
    assert quality["reused"]["share"] is None
    reason = "k1 40% is not measured for srd+tgaa"
    assert quality["unknown_because"] == {reason: quality["reused"]["requests"]}


def test_the_table_has_rows_for_it(sim, tiny, curve):
    answer = sim("run", "--trace", tiny, "--policy", "lru", "--quality", curve)
    assert "quality  measured on shapes, assumed here; full compute reaches 95%" in answer.out
    assert "acceptable, of clips with reuse" in answer.out
    plain = sim("run", "--trace", tiny, "--policy", "lru")
    assert "acceptable" not in plain.out


def test_an_unknown_curve_is_one_line(sim, tiny):
    answer = sim("run", "--trace", tiny, "--quality", "shape")
    assert answer.code == 2
    assert "unknown quality curve 'shape'" in answer.err
    assert answer.err.strip().count("\n") == 0
