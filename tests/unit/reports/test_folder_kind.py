"""``chorus-sim report`` knows what wrote a folder by its files; what is wrong is one line."""

import json
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from chorus_reports.folder_kind import KINDS, kind_of_folder
from chorus_sim.cli.main import chorus_sim
from chorus_traces.errors import ScenarioError


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_folder_is_known_by_its_files(tmp_path, kind):
    for name in KINDS[kind]:
        (tmp_path / name).touch()
    assert kind_of_folder(tmp_path) == kind


@pytest.mark.parametrize(
    ("present", "message"),
    [
        (["summary.json"], "a half-written run: scenario.toml, requests.parquet"),
        (["study.json", "scenario.toml"], "a half-written sweep: results.parquet is missing"),
        ([], "none of summary.json, plan.json, comparison.json, study.json, validation.json is"),
        (["other.txt"], "none of summary.json"),
    ],
)
def test_a_folder_that_is_not_whole_is_one_line(tmp_path, present, message):
    for name in present:
        (tmp_path / name).touch()
    with pytest.raises(ScenarioError, match=message) as caught:
        kind_of_folder(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_and_nothing_are_told_apart(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ScenarioError, match="a: a file"):
        kind_of_folder(tmp_path / "a")
    with pytest.raises(ScenarioError, match="b: no such folder"):
        kind_of_folder(tmp_path / "b")


COMPARISON = {
    "schema": "chorus.comparison/1",
    "trace": {"name": "made.jsonl", "sha256": "0" * 64, "requests": 100},
    "profile": "wan",
    "bounds_over": "lru",
    "interval": "paired block bootstrap",
    "rows": [
        {
            "capacity": f"{gib}GiB",
            "capacity_bytes": gib * 2**30,
            "best": "lru",
            "policies": {
                "lru": {
                    "saved_share": 0.1 * gib,
                    "ci95": [0.09 * gib, 0.11 * gib],
                    "behind_best": 0.0,
                    "behind_best_ci95": [0.0, 0.0],
                    "within_noise": True,
                },
                "fifo": {
                    "saved_share": 0.05 * gib,
                    "ci95": [0.04 * gib, 0.06 * gib],
                    "behind_best": 0.05 * gib,
                    "behind_best_ci95": [0.04 * gib, 0.06 * gib],
                    "within_noise": False,
                },
            },
            "bounds": {
                "clairvoyant": 0.12 * gib,
                "unbounded": 0.2,
                "upper_bound": 0.25 if gib == 1 else None,
            },
        }
        for gib in (1, 2)
    ],
}


def test_the_report_of_a_comparison_is_written_and_shown(tmp_path):
    (tmp_path / "comparison.json").write_text(json.dumps(COMPARISON))
    with patch("webbrowser.open", return_value=True) as shown:
        result = CliRunner().invoke(chorus_sim, ["report", str(tmp_path), "--open"])
    assert result.exit_code == 0, result.output
    assert result.output == f"comparison report: {tmp_path / 'report.html'}\n"
    shown.assert_called_once_with((tmp_path / "report.html").as_uri())
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "At 1GiB lru saves most, 10.0 %." in text
    assert "10.00% ± 1.00% \\*" in text or "10.00% ± 1.00% *" in text
    assert "5.00 [4.00, 6.00]" in text.replace("\\", "")
    # The upper bound cannot be proven at every capacity.
    assert "| 12.00% | 20.00% | 25.00% |" in text
    assert "| 24.00% | 20.00% | - |" in text.replace("\\", "")
    again = CliRunner().invoke(chorus_sim, ["report", str(tmp_path)])
    assert again.exit_code == 0, again.output


def test_a_damaged_comparison_is_one_line(tmp_path):
    (tmp_path / "comparison.json").write_text('{"rows": []}')
    result = CliRunner().invoke(chorus_sim, ["report", str(tmp_path)])
    assert isinstance(result.exception, ScenarioError)
    assert "not a whole comparison" in str(result.exception)
