"""The outcome of an experiment: the summary object, the records, the journal, and their folder."""

import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chorus_policies.costs.profile import Profile
from chorus_policies.costs.quality import load_quality
from chorus_policies.journal import Journal
from chorus_policies.live.journal_file import journal_table
from chorus_sim.experiment import Prepared, Progress
from chorus_sim.explanation import explain
from chorus_sim.predicted_quality import add_quality, with_predictions
from chorus_sim.runs import run_clairvoyant, run_policy, run_unbounded, run_uncached, warm_up_cut
from chorus_sim.summary import Run, summarise
from chorus_sim.upper_bound import saved_at_most
from chorus_traces.errors import ScenarioError
from chorus_traces.what_if import preloaded_requests

SCHEMA = "chorus.summary/1"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an experiment leaves behind; ``timings`` alone depends on the machine."""

    summary: dict[str, Any]
    timings: dict[str, Any]
    records: pa.Table
    journal: pa.Table
    scenario_toml: str
    profiles: list[Profile]
    explanation: dict[str, Any] | None = None


def carry_out(prepared: Prepared, progress: Progress, *, explained: bool = False) -> Outcome:
    """Run the policy and the bounds the scenario asks for, and summarise them.

    ``explained`` adds the explanation, for up to three further runs.
    """
    scenario = prepared.scenario
    curve = load_quality(scenario.quality) if scenario.quality else None
    journal = Journal()
    wanted: dict[str, Callable[[], Run]] = {
        "policy": lambda: run_policy(prepared, journal),
        "no_cache": lambda: run_uncached(prepared),
    }
    if scenario.run.bounds != "none":
        wanted["unbounded"] = lambda: run_unbounded(prepared)
    if scenario.run.bounds == "all":
        wanted["clairvoyant"] = lambda: run_clairvoyant(prepared)
    runs: dict[str, Run] = {}
    for name, carry in wanted.items():
        progress("simulating", len(runs), len(wanted))
        runs[name] = carry()
    progress("simulating", len(runs), len(wanted))
    warm_up, cut = warm_up_cut(prepared, runs["policy"])
    tables = {
        name: summarise(
            run, runs["no_cache"], cut=cut, slo_s=prepared.slo_s, prices=scenario.prices
        )
        for name, run in runs.items()
    }
    records = runs["policy"].served.to_table(
        [request.id for request in prepared.trace.requests], prepared.workload, cached=True
    )
    if curve is not None:
        predicted = add_quality(tables, curve, runs, prepared, cut)
        records = with_predictions(records, predicted["policy"])
    bounds = {
        name: tables[name] for name in ("no_cache", "unbounded", "clairvoyant") if name in tables
    }
    trace = prepared.trace
    most = saved_at_most(prepared, cut) if scenario.run.bounds == "all" else None
    summary = {
        "schema": SCHEMA,
        **tables["policy"],
        "bounds": {} if scenario.run.bounds == "none" else bounds,
        "upper_bound": None if most is None else _most(most.saved_s, tables["no_cache"]),
        "engine": _engine(runs["policy"]),
        "policy": {"name": prepared.policy.name, "fingerprint": prepared.policy.fingerprint},
        "profile": {
            "name": ",".join(prepared.book.names),
            "source": prepared.book.source,
            "used": [profile.name for profile in prepared.workload.profiles],
        },
        "trace": {
            "name": trace.name,
            "sha256": trace.sha256(),
            "requests": len(trace),
            "span_s": float(prepared.workload.arrivals[-1] - prepared.workload.arrivals[0]),
            "embedder": trace.embedder,
            "rate_scale": scenario.trace.rate_scale,
            "what_if": scenario.trace.what_if,
            "preloaded": preloaded_requests(trace),
        },
        "fleet": {"gpus": prepared.gpus, "auto": scenario.fleet.gpus == "auto"},
        "seed": scenario.run.seed,
        "warm_up": warm_up,
    }
    return Outcome(
        summary=summary,
        timings={name: _timing(run) for name, run in runs.items()},
        records=records,
        journal=journal_table(journal.rows),
        scenario_toml=scenario.to_toml(),
        profiles=prepared.workload.profiles,
        explanation=explain(prepared, runs, journal.rows, cut, progress) if explained else None,
    )


def _most(saved_s: float, baseline: dict[str, Any]) -> dict[str, float]:
    """Return what no eviction can exceed, in GPU-seconds and as a share."""
    return {"saved_s": saved_s, "saved_share": saved_s / baseline["gpu_seconds"]["used"]}


def _engine(run: Run) -> dict[str, str]:
    """Return what carried the run out, and why, where another engine was asked for."""
    library = {"simpy": "simpy", "compiled": "numba"}[run.engine]
    names = {"name": run.engine, "version": version(library), "chorus": version("chorus-cache")}
    return names | ({"note": run.engine_note} if run.engine_note else {})


def _timing(run: Run) -> dict[str, float]:
    requests = len(run.served.plan)
    return {"cpu_s": run.cpu_s, "requests_per_cpu_s": requests / max(run.cpu_s, 1e-9)}


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Write the files of a run folder into the existing ``folder``."""
    (folder / "summary.json").write_bytes(to_json(outcome.summary))
    (folder / "timings.json").write_bytes(to_json(outcome.timings))
    (folder / "scenario.toml").write_text(outcome.scenario_toml, encoding="utf-8")
    (folder / "profiles.json").write_bytes(to_json(outcome.profiles))
    if outcome.explanation is not None:
        (folder / "explanation.json").write_bytes(to_json(outcome.explanation))
    pq.write_table(outcome.records, folder / "requests.parquet", compression="zstd")
    pq.write_table(outcome.journal, folder / "journal.parquet", compression="zstd")


def to_json(value: Any) -> bytes:
    """Return indented JSON with a line feed at its end; equal values give equal bytes."""
    plain = msgspec.json.encode(value, enc_hook=_plain)
    return msgspec.json.format(plain, indent=2) + b"\n"


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a number, a text, a list or a table")


class RunFolder:
    """A folder that appears with all of its files or not at all.

    With ``stated`` the folder must not exist or be empty. Without, it is the first of
    ``out/NAME``, ``out/NAME-2``, ... that does not exist yet.
    """

    def __init__(self, stated: Path | None, name: str) -> None:
        try:
            self.path = _next_free(name) if stated is None else _unused(stated)
        except OSError as error:
            where = Path("out") / name if stated is None else stated
            raise ScenarioError(f"--out {where}: {error.strerror}; name another") from error

    def __enter__(self) -> Path:
        """Return a temporary folder beside the final one."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._partial = Path(
                tempfile.mkdtemp(prefix=f".{self.path.name[:50]}-", dir=self.path.parent)
            )
        except OSError as error:
            raise ScenarioError(f"--out {self.path}: {error.strerror}; name another") from error
        return self._partial

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Rename on success; remove on any failure."""
        if kind is None:
            self._partial.chmod(0o755)
            self._partial.replace(self.path)
        else:
            shutil.rmtree(self._partial, ignore_errors=True)


def _next_free(name: str) -> Path:
    path, number = Path("out") / name, 2
    while path.exists():
        path, number = Path("out") / f"{name}-{number}", number + 1
    return path


def _unused(stated: Path) -> Path:
    if stated.is_dir() and any(stated.iterdir()):
        raise ScenarioError(f"--out {stated}: the folder is not empty; name a new one")
    if stated.exists() and not stated.is_dir():
        raise ScenarioError(f"--out {stated}: a file; name a folder")
    return stated
