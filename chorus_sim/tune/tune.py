"""A search: trials on the first part of a trace, a verdict on the rest, one policy to deploy."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.policy import Policy
from chorus_sim.experiment import Progress, check_names, workload_of
from chorus_sim.fleet import auto_gpus
from chorus_sim.scenario import Scenario
from chorus_sim.sweep.fields import flattened
from chorus_sim.sweep.point import Stamp, stamp_of
from chorus_sim.sweep.runner import Load
from chorus_sim.sweep.workers import end_with_parent
from chorus_sim.tune.candidate import candidate, check_space
from chorus_sim.tune.objective import Objective, parse_objectives, values_of
from chorus_sim.tune.part import Part, split
from chorus_sim.tune.space import Space, Value
from chorus_sim.tune.trials import Trials, chosen_in
from chorus_sim.tune.verdict import Verdict, judge
from chorus_traces.errors import ScenarioError
from chorus_traces.trace import Trace

#: Seconds between two looks at how far other processes are.
_LOOK_S = 0.5


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched, for what, and on how much of the trace; ``scenario`` names the base."""

    scenario: Scenario
    space: Space
    objectives: tuple[str, ...]
    trials: int
    holdout: float


class Optimum(msgspec.Struct, frozen=True, kw_only=True):
    """One of the best trials: its place among the finished, what it chose, and its values."""

    trial: int
    chosen: dict[str, Value]
    values: dict[str, float]


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """The policy to deploy, and why: ``found`` is the trial that was judged, if there is one.

    Without a trial that is at least as good as the base on the trials' part there is no verdict.
    """

    policy: Policy
    base: Policy
    book: ProfileBook
    found: Optimum | None
    verdict: Verdict | None
    front: tuple[Optimum, ...]
    finished: int
    refused: int
    refusal: str
    stamp: Stamp
    requests: tuple[int, int]
    gpus: int


def tune(
    search: Search,
    objectives: tuple[Objective, ...],
    path: Path,
    name: str,
    *,
    jobs: int,
    read: Load,
    load: Load,
    progress: Progress,
) -> Tuned:
    """Run the trials that the file ``path`` lacks, and judge the best one.

    The policy is called ``name``. ``read`` loads the trace here, ``load`` in another process.
    With one job, equal searches give equal answers. Raises ``ChorusError`` on anything that cannot
    be used.
    """
    base, book = check_names(search.scenario)
    check_space(search.space, base)
    if "quality" in search.objectives and not search.scenario.quality:
        raise ScenarioError(
            "--objective quality: nothing predicts it; name a measured curve with --quality"
        )
    if search.scenario.run.preload:
        raise ScenarioError("run.preload: both parts of a search start empty; leave it out")
    trace = read(search.scenario)
    stamp = stamp_of(trace)
    facts = _facts(search, stamp, base)
    search = _on_fixed_fleet(search, trace, book)
    first, last = split(trace, search.holdout)
    trials = Trials(path, objectives, facts, search.scenario.run.seed)
    tried = Part(search.scenario, first, base, book, progress)
    held_out = Part(search.scenario, last, base, book, progress)
    own = search.space.values_of(base)
    if own is not None:
        trials.propose_first(own)

    def told(done: int) -> None:
        progress("trials", min(done, search.trials), search.trials)

    if jobs == 1:
        trials.run(search.trials, search.space, base, tried, alone=True, told=told)
    else:
        work = _Beside(search=search, facts=facts, path=path, load=load)
        _run_beside(work, jobs, trials, told)
    front = tuple(
        Optimum(
            trial=place,
            chosen=chosen_in(trial, search.space),
            values={one.name: v for one, v in zip(objectives, trial.values, strict=True)},
        )
        for place, trial in trials.front()
    )
    finished = trials.finished()
    found = _to_judge(front, objectives, values_of(objectives, tried.base))
    verdict = None
    policy = base
    if found is not None:
        wanted = candidate(search.space, base, found.chosen, name)
        if wanted.fingerprint != base.fingerprint:
            verdict = judge(objectives, wanted, tried, held_out)
            policy = wanted if verdict.beats else base
    return Tuned(
        policy=policy,
        base=base,
        book=book,
        found=found if verdict is not None else None,
        verdict=verdict,
        front=front,
        finished=len(finished),
        refused=sum(1 for trial in finished if trial.values is None),
        refusal=trials.refusal(),
        stamp=stamp,
        requests=(tried.requests, held_out.requests),
        gpus=tried.base.run.gpus,
    )


def _to_judge(
    front: tuple[Optimum, ...], objectives: tuple[Objective, ...], base: list[float]
) -> Optimum | None:
    """Return the best by the first objective among those no worse than the base in any."""
    fit = [
        one
        for one in front
        if all(
            (value >= limit) if objective.maximised else (value <= limit)
            for value, limit, objective in zip(one.values.values(), base, objectives, strict=True)
        )
    ]
    sign = 1 if objectives[0].maximised else -1
    return max(fit, key=lambda one: sign * one.values[objectives[0].name], default=None)


def _on_fixed_fleet(search: Search, trace: Trace, book: ProfileBook) -> Search:
    """Return the search with as many GPUs as the whole trace needs, for both parts."""
    scenario = search.scenario
    if scenario.fleet.gpus != "auto":
        return search
    gpus = auto_gpus(workload_of(scenario, trace, book))
    fleet = msgspec.structs.replace(scenario.fleet, gpus=gpus)
    scenario = msgspec.structs.replace(scenario, fleet=fleet)
    return msgspec.structs.replace(search, scenario=scenario)


def _facts(search: Search, stamp: Stamp, base: Policy) -> dict[str, Any]:
    """Return what tells one search from another."""
    return {
        "objective": ",".join(search.objectives),
        "base policy": base.fingerprint,
        "trace": stamp.sha256,
        "embeddings": stamp.embeddings_sha256,
        "holdout": search.holdout,
        "space": msgspec.to_builtins(search.space.parameters),
        **flattened(msgspec.to_builtins(search.scenario)),
        "version": version("chorus-cache"),
    }


class _Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What another process needs to take part."""

    search: Search
    facts: dict[str, Any]
    path: Path
    load: Load


def _run_beside(work: _Beside, jobs: int, trials: Trials, told: Callable[[int], None]) -> None:
    """Let other processes try, and tell how far they are."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=end_with_parent) as pool:
        running = {pool.submit(_take_part, work) for _ in range(jobs)}
        while running:
            done, running = wait(running, timeout=_LOOK_S)
            told(len(trials.finished()))
            for future in done:
                future.result()


def _take_part(work: _Beside) -> None:
    """Run trials in this process, into the file that all share."""
    search = work.search
    base, book = check_names(search.scenario)
    first, _ = split(work.load(search.scenario), search.holdout)
    part = Part(search.scenario, first, base, book, _quiet)
    objectives = parse_objectives(",".join(search.objectives))
    trials = Trials(work.path, objectives, work.facts, search.scenario.run.seed)
    trials.run(search.trials, search.space, base, part, alone=False, told=_untold)


def _quiet(what: str, done: int, total: int) -> None:
    del what, done, total


def _untold(done: int) -> None:
    del done
