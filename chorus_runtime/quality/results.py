"""What a finished study leaves beside its trials: tables, the curve, charts and sheets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from chorus_policies.costs.quality import write_quality
from chorus_runtime.quality.charts import accuracy_chart, savings_chart
from chorus_runtime.quality.curve import curve_of
from chorus_runtime.quality.latest import latest_k1, paired_difference
from chorus_runtime.quality.study import TRIALS, Header, read_header
from chorus_runtime.quality.table import rows
from chorus_runtime.quality.trial import Trial, read_trials
from chorus_runtime.quality.vbench_clips import with_scores
from chorus_runtime.shapes.edit import EDITS
from chorus_traces.errors import EngineError

#: How far below full compute accuracy may fall to count as kept.
TOLERANCES = (0.01, 0.05, 0.10)


def read_study(folder: Path) -> tuple[Header, list[Trial]]:
    """Return the header and the trials of a folder. Raises ``EngineError`` where there are none."""
    header, trials = read_header(folder), with_scores(folder, read_trials(folder / TRIALS))
    if not trials:
        raise EngineError(f"{folder}: no trials yet; run `chorus-runtime quality` to its end")
    return header, trials


def summary_of(header: Header, trials: Sequence[Trial]) -> dict[str, Any]:
    """Return the whole study as plain values.

    Of clips that were not judged, only the table: nothing tells which k1 keeps what.
    """
    if not all(trial.judged for trial in trials):
        return {
            "header": msgspec.to_builtins(header),
            "pairs": len({trial.pair for trial in trials}),
            "rows": rows(trials),
        }
    k1s = sorted({trial.k1 for trial in trials if trial.mode != "full"})
    edits = [trial for trial in trials if trial.kind in EDITS]
    modes = {trial.mode for trial in trials}
    compared = [
        pair
        for pair in (("reuse+tgaa", "reuse"), ("srd+tgaa", "srd"), ("srd+tgaa", "reuse+tgaa"))
        if modes >= set(pair)
    ]
    return {
        "header": msgspec.to_builtins(header),
        "pairs": len({trial.pair for trial in trials}),
        "rows": rows(trials),
        "latest_k1": [latest_k1(edits, tolerance) for tolerance in TOLERANCES],
        "latest_k1_without_count": [
            latest_k1(edits, tolerance, kinds=[kind for kind in EDITS if kind != "count"])
            for tolerance in TOLERANCES
        ],
        "paired": {
            f"{mode} against {other}": [paired_difference(edits, mode, other, k1) for k1 in k1s]
            for mode, other in compared
        },
    }


def write_results(folder: Path) -> dict[str, Any]:
    """Write ``summary.json``, ``curve.json`` and the charts into a study's folder.

    Where clips were not judged, there is only ``summary.json``.
    """
    header, trials = read_study(folder)
    summary = summary_of(header, trials)
    plain = msgspec.json.format(msgspec.json.encode(summary), indent=1)
    (folder / "summary.json").write_bytes(plain + b"\n")
    if not all(trial.judged for trial in trials):
        return summary
    write_quality(curve_of([(header, trials)]), folder / "curve.json")
    accuracy_chart(summary["rows"], folder / "accuracy.png")
    savings_chart(summary["rows"], folder / "savings.png")
    return summary
