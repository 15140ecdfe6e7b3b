"""Evictions and entry forms on prompts they were not developed on.

Run it with ``python reports/studies/2026-11-22-evictions/study.py PROMPTS.jsonl EMBEDDINGS.npy``:
the real prompts are the 5,000 of DiffusionDB in posting order on the arrival instants of Alibaba's
GenTD26 (not part of this repository). It rewrites the comparisons beside itself. ``worth``
and ``bundle`` were developed on the first half of that stream and on generated ones; here they meet
the second half, the whole stream cut in ten segments replayed at the same time, and two generated
streams of new seeds. Three comparisons each: evictions over whole entries; the same over
``renoised`` ones, a twentieth as large; and entry forms: whole, ``windowed``, ``adaptive``, and LRU
over the form of ``adaptive``. Names of comparisons behind the files do these alone.
``ceiling.json`` says what one bit of the future would add (``ceiling.py``).
"""

import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from ceiling import write_ceiling

from chorus_reports.comparison_report import write_comparison
from chorus_sim.compare import compare
from chorus_sim.outcome import to_json
from chorus_sim.scenario import FleetSection, RunSection, Scenario
from chorus_traces.embedding import embed_trace
from chorus_traces.read import read_trace
from chorus_traces.synth import SynthSpec, generate
from chorus_traces.trace import Trace

HERE = Path(__file__).parent
CAPACITIES = ("0.25GiB", "0.5GiB", "1GiB", "4GiB", "16GiB", "64GiB")
WHOLE = ("fifo", "lru", "lfu", "s3fifo", "sieve", "gdsf", "superseded", "worth", "bundle")
#: ``./NAME.toml`` is NAME over renoised entries.
RENOISED = tuple(f"./{name}.toml" for name in WHOLE)
FORMS = ("fifo", "lru", "./lru.toml", "windowed", "adaptive")
KINDS = {"whole-entries": WHOLE, "renoised-entries": RENOISED, "free-form": FORMS}
GPUS = 16
AUTO = RunSection(engine="auto")

#: The bounds of a comparison run over the entry form it compares.
BOUNDS_OVER = {
    "whole-entries": "worth",
    "renoised-entries": "./worth.toml",
    "free-form": "adaptive",
}


def second_half(trace: Trace) -> Trace:
    """Return the requests from the middle on, as a trace of their own."""
    middle = len(trace) // 2
    first = trace.requests[middle].arrival_s
    requests = tuple(
        msgspec.structs.replace(request, arrival_s=request.arrival_s - first)
        for request in trace.requests[middle:]
    )
    return Trace(
        name="real, second half",
        requests=requests,
        embeddings=trace.embeddings[middle:],
        embedder=trace.embedder,
    )


def segments(trace: Trace, count: int) -> Trace:
    """Return ``count`` consecutive segments of equal length started at the same time."""
    size = len(trace) // count
    rows = []
    for segment in range(count):
        first = trace.requests[segment * size].arrival_s
        rows += [
            (trace.requests[place].arrival_s - first, place)
            for place in range(segment * size, (segment + 1) * size)
        ]
    rows.sort()
    places = np.array([place for _, place in rows])
    requests = tuple(
        msgspec.structs.replace(trace.requests[place], arrival_s=arrival) for arrival, place in rows
    )
    return Trace(
        name=f"{trace.name}, {count} segments at once",
        requests=requests,
        embeddings=trace.embeddings[places],
        embedder=trace.embedder,
    )


def generated(seed: int) -> Trace:
    """Return a generated stream of one tenant and one clip shape, with embeddings."""
    spec = SynthSpec(
        name=f"generated-{seed}",
        requests=4_000,
        tenants=(1.0,),
        hd_share=0.0,
        conditioning_share=0.0,
    )
    return dataclasses.replace(embed_trace(generate(spec, seed)), name=f"generated, seed {seed}")


def main() -> None:
    """Compare on every stream and write one folder for each."""
    kinds = sys.argv[3:] or [*KINDS, "ceiling"]
    if len(sys.argv) < 3 or not set(kinds) <= {*KINDS, "ceiling"}:
        sys.exit(f"usage: study.py PROMPTS.jsonl EMBEDDINGS.npy [{'|'.join(KINDS)}|ceiling ...]")
    real = read_trace(Path(sys.argv[1]), embeddings=Path(sys.argv[2]))
    streams = {
        "real-second-half": second_half(real),
        "real-ten-segments": dataclasses.replace(
            segments(real, 10), name="real, ten segments at once"
        ),
        "generated-41": generated(41),
        "generated-42": generated(42),
    }
    for name, trace in streams.items():
        for kind, policies in KINDS.items():
            if kind not in kinds:
                continue
            folder = HERE / f"{name}-{kind}"
            folder.mkdir(exist_ok=True)
            for old in (folder / "figures").glob("*"):
                old.unlink()
            if (folder / "figures").is_dir():
                (folder / "figures").rmdir()
            scenario = Scenario(policy=BOUNDS_OVER[kind], fleet=FleetSection(gpus=GPUS), run=AUTO)
            with over_renoised():
                comparison = compare(scenario, trace, policies, CAPACITIES, lambda *_: None)
            (folder / "comparison.json").write_bytes(to_json(comparison))
            write_comparison(folder)
    if "ceiling" in kinds:
        scenario = Scenario(policy="worth", fleet=FleetSection(gpus=GPUS), run=AUTO)
        write_ceiling(scenario, streams, CAPACITIES, HERE / "ceiling.json")


@contextlib.contextmanager
def over_renoised() -> Iterator[None]:
    """Work in a folder where ``NAME.toml`` is the preset over renoised entries."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name in WHOLE:
            text = f'base = "{name}"\n[entry]\nkind = "renoised"\n'
            Path(f"{name}.toml").write_text(text, encoding="utf-8")
        yield


if __name__ == "__main__":
    main()
