"""Does a prediction hold on a live server? The shapes model on a CPU, four loads, four policies.

    python reports/studies/2026-11-22-live-validation/study.py --work out/live-validation \
        --real real5k.jsonl --real-embeddings real5k.minilm.f16.npy

It makes one trace of generated and of real prompts told in shapes captions, measures a profile and
calibrates it on an earlier live run, then for each run starts a server, replays the trace, repeats
the journal, and puts the run beside its prediction. Every step leaves its own folder below
``--work`` and is not done again; ``--short`` tries everything in minutes and proves nothing.
Results go to ``results.json`` and ``report.md`` beside this file, with ``--engine`` in a folder of
the engine's name, with ``--short`` below ``--work``.

``--engine paced:STEP,TEXT,DECODE,ENCODE`` lets every stage of the shapes model take so many seconds
at least: the same latents and regions on a machine that does not drift. ``--engine fake:...``
serves a model that waits as long and computes nothing; its regions are as large as planned. Such
runs may go ``--abreast``, as long as all together leave the machine idle half of the time.

Two profiles predict each run, both measured before it: the one of the calibration run, before all
runs, and one calibrated on all earlier runs of its policy, which also knows how the machine drifts
between runs; for ``chorus``, and for the first run of another policy, these are the calibration run
and the earlier ones of ``chorus``. A third is the first one with all its times multiplied by one
number, so that its mean service time is the run's: what it leaves wrong is not the speed of the
machine.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import msgspec
import numpy as np
from live_results import summed_up
from slowed import slowed

from chorus_policies.costs.profile import Profile, read_profile, write_profile
from chorus_policies.policy import load_policy
from chorus_runtime.prompt_vector import MiniLm
from chorus_runtime.shapes.from_trace import shapes_trace
from chorus_runtime.shapes.reuse_kept import reuse_kept
from chorus_sim.live.calibrate import blank, calibrate
from chorus_sim.live.replay_journal import replay_journal
from chorus_sim.live.run import LiveRun, read_run
from chorus_sim.live.validate import validate
from chorus_sim.outcome import to_json
from chorus_traces.embedding import embed_trace
from chorus_traces.read import read_trace
from chorus_traces.slice import slice_requests
from chorus_traces.synth import SynthSpec, generate
from chorus_traces.trace import Trace
from chorus_traces.write import write_trace

HERE = Path(__file__).parent
MODEL = "shapes"
#: Of every request: denoising is most of the service time, as it is of a large model's.
STEPS = 25
CAPACITY = "64MiB"
POLICY = "chorus"
#: Others that are ranked against it: full reuse alone, ours, and the published serving rule.
OTHERS = ("nirvana", "adaptive", "vllm-omni")
LEVELS = (0.30, 0.60, 0.85, 1.10)
RANKED_AT = 0.85
CALIBRATED_AT = 0.70
WARM_UP = 10
#: Of the real trace, past its first requests, where a trace is least like itself later.
REAL_FROM = 2000
CALIBRATED_FROM = 1000


class Plan(msgspec.Struct, frozen=True):
    """How much of everything."""

    requests: int = 312
    calibration: int = 300
    runs: int = 3
    policy_runs: int = 3
    levels: tuple[float, ...] = LEVELS
    others: tuple[str, ...] = OTHERS


SHORT = Plan(
    requests=60, calibration=60, runs=1, policy_runs=1, levels=(0.6, 1.1), others=("nirvana",)
)


def main() -> None:
    """Do what is not done yet, and sum up."""
    stated = arguments()
    plan, work = (SHORT if stated.short else Plan()), Path(stated.work)
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - began:7.0f} s  {text}")

    made = traces(work, plan, stated, say)
    engine = engine_words(stated.engine)
    base = None if stated.engine != "real" else profiled(work, say)
    guess_s = waited_s(stated.engine) if base is None else guessed_s(base)
    base, calibrated = calibration(work, engine, made["calibration"], base, guess_s, say)
    speed_at = speeds(calibrated, work, say)
    ranked = RANKED_AT if RANKED_AT in plan.levels else plan.levels[-1]
    wanted = []
    for number in range(1, plan.runs + 1):
        wanted += [(POLICY, level, number) for level in plan.levels]
        # Close in time to the run they are ranked against.
        if number <= plan.policy_runs:
            wanted += [(policy, ranked, number) for policy in plan.others]
    loads = sum(1 / level for _, level, _ in wanted)
    replaying_s = plan.requests / speed_at * loads
    say(f"{len(wanted)} runs replay for about {replaying_s / 60:.0f} min, and start a server each")
    earlier, rows = {POLICY: [read_run(work / "runs" / "calibration" / "live")]}, []
    kind = stated.engine.partition(":")[0]
    home = work if stated.short else HERE if kind == "real" else HERE / kind
    home.mkdir(exist_ok=True)
    facts = {
        "model": MODEL,
        "steps": STEPS,
        "engine": stated.engine,
        "policy": POLICY,
        "capacity": CAPACITY,
        "warm_up": WARM_UP,
    }
    facts |= {"reuse_kept": made["kept"]}

    def serve(one: tuple[str, float, int]) -> Path:
        policy, level, number = one
        folder = work / "runs" / f"{policy}-{level * 100:03.0f}-{number}"
        live = served(folder, engine, policy, made["trace"], speed_at * level)
        say(f"{folder.name} served")
        return live

    with ThreadPoolExecutor(stated.abreast) as pool:
        # All of them before the first is judged: that takes a processor.
        lives = list(pool.map(serve, wanted))
    for one, live in zip(wanted, lives, strict=True):
        run = read_run(live)
        known = earlier.get(one[0], earlier[POLICY])
        row = judged(live.parent, run, calibrated, calibrate(known, base).profile)
        rows.append(dict(zip(("policy", "level", "run"), one, strict=True)) | row)
        earlier.setdefault(one[0], []).append(run)
        first = row["before"]["verdict"]
        say(
            f"{live.parent.name}: utilisation {row['before']['run']['utilisation']:.0%}, "
            f"mean {first['mean']['error']:+.1%}, p95 {first['p95']['error']:+.1%}, "
            f"kinds equal {first['kinds']['equal']:.1%}, "
            f"journal {'equal' if row['journal_equal'] else 'DIFFERS'}"
        )
    summed_up(home, facts | {"plan": msgspec.to_builtins(plan)}, calibrated, rows, ranked)
    say("done")


def arguments() -> argparse.Namespace:
    """Return what was stated."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", default="out/live-validation", help="folder of all steps")
    parser.add_argument("--real", help="trace of real prompts; without it all are generated")
    parser.add_argument("--real-embeddings", help="its vectors, .npy")
    parser.add_argument("--engine", default="real", help="real, paced:S,T,D,E or fake:S,T,D,E")
    parser.add_argument("--abreast", type=int, default=1, help="runs at a time")
    parser.add_argument("--short", action="store_true", help="try everything, prove nothing")
    return parser.parse_args()


def traces(work: Path, plan: Plan, stated: argparse.Namespace, say) -> dict:
    """Return the trace of the runs and that of the calibration, and what their mapping kept."""
    note = work / "traces.json"
    if not note.exists():
        half = plan.requests // 2 if stated.real else plan.requests
        parts = [generated(half, 1)]
        if stated.real:
            parts.append(real(stated, REAL_FROM, plan.requests - half))
        kept = {}
        mapped = []
        for part in parts:
            mapped.append(shapes_trace(part, MiniLm()))
            found = reuse_kept(part, mapped[-1], load_policy(POLICY), STEPS)
            kept[Path(part.name).name.split("[")[0]] = msgspec.to_builtins(found)
        write_trace(merged(mapped), work / "trace.jsonl")
        half = plan.calibration // 2 if stated.real else plan.calibration
        others = [generated(half, 2)]
        if stated.real:
            others.append(real(stated, CALIBRATED_FROM, plan.calibration - half))
        mapped = [shapes_trace(part, MiniLm()) for part in others]
        write_trace(merged(mapped), work / "calibration.jsonl")
        note.write_bytes(to_json(kept))
        say("traces made")
    return {
        "trace": work / "trace.jsonl",
        "calibration": work / "calibration.jsonl",
        "kept": json.loads(note.read_bytes()),
    }


def generated(requests: int, seed: int) -> Trace:
    """Return sessions of the project's own generator, evenly busy, one customer."""
    spec = SynthSpec(
        name="generated",
        requests=requests,
        requests_per_hour=200.0,
        daily_cycle=0.0,
        day_variation=0.0,
        bursts_per_week=0.0,
        tenants=(1.0,),
        hd_share=0.0,
        conditioning_share=0.0,
        negative_share=0.0,
    )
    return embed_trace(generate(spec, seed))


def real(stated: argparse.Namespace, first: int, requests: int) -> Trace:
    """Return consecutive requests of the real trace."""
    vectors = Path(stated.real_embeddings) if stated.real_embeddings else None
    trace = read_trace(Path(stated.real), embeddings=vectors)
    part = slice_requests(trace, first, first + requests)
    return part if part.embeddings is not None else embed_trace(part)


def merged(parts: list[Trace]) -> Trace:
    """Return the parts side by side, each at its share of one request a second."""
    requests = sum(len(part) for part in parts)
    rows = []
    for number, part in enumerate(parts):
        span = part.requests[-1].arrival_s or 1.0
        for place, one in enumerate(part.requests):
            user = None if one.user is None else f"{number}-{one.user}"
            moved = msgspec.structs.replace(
                one,
                id=f"{number}-{one.id}",
                user=user,
                tenant=None,
                arrival_s=round(one.arrival_s * requests / span, 6),
            )
            rows.append((moved.arrival_s, number, place, moved, part.embeddings[place]))
    rows.sort(key=lambda row: row[:3])
    trace = Trace(name="merged", requests=tuple(row[3] for row in rows))
    return trace.with_embeddings(np.array([row[4] for row in rows]), MiniLm.name)


def profiled(work: Path, say) -> Profile:
    """Return what the profiler measures: the base that calibration refines."""
    path = work / "profile.json"
    if not path.exists():
        words = ["--model", MODEL, "--steps", str(STEPS), "--allow-noisy"]
        command("profile", *words, "--out", str(path))
        say("profile measured")
    return read_profile(path)


def engine_words(engine: str) -> list[str]:
    """Return the words of ``serve`` that name the model and what computes it."""
    model = "fake" if engine.startswith("fake") else MODEL
    return ["--model", model, "--steps", str(STEPS), "--engine", engine]


def waited_s(engine: str) -> float:
    """Return the seconds a fresh request takes at the stated times."""
    step, *others = (float(part) for part in engine.partition(":")[2].split(","))
    return STEPS * step + sum(others)


def calibration(
    work: Path, engine: list[str], trace: Path, base: Profile | None, guess_s: float, say
) -> tuple[Profile, Profile]:
    """Return the base, and the profile of an earlier live run on another trace."""
    path = work / "profile.calibrated.json"
    live = served(work / "runs" / "calibration", engine, POLICY, trace, CALIBRATED_AT / guess_s)
    run = read_run(live)
    known = blank(run.facts) if base is None else base
    if not path.exists():
        done = calibrate([run], known)
        write_profile(done.profile, path)
        say(f"profile calibrated on {sum(1 for _ in run.served)} requests; kept: {done.kept}")
    return known, read_profile(path)


def guessed_s(profile: Profile) -> float:
    """Return a miss's seconds by the profile, to set a load before anything ran live."""
    stages = ("text_encode", "embed", "vae_decode", "video_encode", "server")
    return sum(getattr(profile, name).mean_s for name in stages) + (
        profile.steps * profile.full_step.mean_s
    )


def speeds(profile: Profile, work: Path, say) -> float:
    """Return the speed at which the trace (one request a second) loads the worker fully."""
    live = read_run(work / "runs" / "calibration" / "live")
    held = [row.held_s for name, row in live.records.items() if name not in live.warm_up]
    say(f"worker time {np.mean(held):.3f} s a request when calibrated ({profile.name})")
    return float(1.0 / np.mean(held))


def served(folder: Path, engine: list[str], policy: str, trace: Path, speed: float) -> Path:
    """Start a server, replay ``trace``, stop it; return the live folder."""
    live = folder / "live"
    if (live / "replay.json").exists() and not json.loads((live / "replay.json").read_bytes())[
        "interrupted"
    ]:
        return live
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = free_port()
    words = ["--threads", "1", "serve", *engine, "--policy", policy]
    words += ["--capacity", CAPACITY, "--port", str(port), "--log", str(folder / "log")]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(  # noqa: S603 - the program is ours
            program(*words, "--queue", "100000"), stdout=log, stderr=log, env=environment()
        )
    try:
        wait_for(port, server)
        command(
            "replay",
            *("--trace", str(trace), "--url", f"http://127.0.0.1:{port}"),
            *("--speed", repr(speed), "--warm-up", str(WARM_UP), "--out", str(live)),
        )
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=120)
    shutil.rmtree(folder / "log")
    return live


def judged(folder: Path, run: LiveRun, before: Profile, earlier: Profile) -> dict:
    """Return the run beside both predictions, and whether its journal repeats."""
    path = folder / "judged.json"
    if not path.exists():
        row = {
            name: validate(run, profile, run.policy)
            for name, profile in (("before", before), ("earlier", earlier))
        }
        service = row["before"]["times"]["service"]["workload"]["mean"]
        factor = service["measured"] / service["predicted"]
        row["speed"] = validate(run, slowed(before, factor), run.policy)
        for one in row.values():
            del one["requests"]
        row["factor"] = factor
        row["drift_cv"], row["srd_cv"] = earlier.drift_cv, earlier.srd_cv
        row["journal_equal"] = replay_journal(run.folder).difference is None
        row["fresh_held_s"] = [
            one.held_s
            for one in run.records.values()
            if one.kind == "fresh" and one.id not in run.warm_up
        ]
        path.write_bytes(to_json(row))
    return json.loads(path.read_bytes())


def program(*words: str) -> list[str]:
    """Return the command line of the runtime."""
    return [sys.executable, "-m", "chorus_runtime", *words]


def command(*words: str) -> None:
    """Run the runtime; a failure ends the study with its line."""
    done = subprocess.run(  # noqa: S603 - the program is ours
        program("--threads", "1", *words), env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.strip()}")


def environment() -> dict[str, str]:
    """Return the environment with one thread for everything numerical."""
    return os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen) -> None:
    """Wait until the server answers."""
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit("the server ended; see server.log")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise SystemExit("the server is not ready after two minutes")


if __name__ == "__main__":
    main()
