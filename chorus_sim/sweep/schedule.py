"""Gives points to workers so that each stays with one group for as long as it can."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait

from chorus_sim.sweep.finished import Finished
from chorus_sim.sweep.point import trace_fields
from chorus_sim.sweep.runner import Job, Refused
from chorus_sim.sweep.workers import Outcome, Worker
from chorus_traces.errors import EngineError


class Groups:
    """Points that wait, by group; a group shares a trace, a workload and a baseline."""

    def __init__(self, groups: list[list[Job]]) -> None:
        self._waiting = [deque(group) for group in groups]
        self._traces = [trace_fields(group[0].scenario) for group in groups]
        self._at_work = [0] * len(groups)

    def next(self, had: int | None) -> tuple[int, Job] | None:
        """Return a group and its next point for a worker that was in group ``had``.

        A worker whose group is empty goes where the most points wait for each worker, to one of
        its own trace before others.
        """
        if had is not None:
            self._at_work[had] -= 1
        group = had
        if group is None or not self._waiting[group]:
            open_ = [number for number, jobs in enumerate(self._waiting) if jobs]
            if not open_:
                return None
            own = [] if had is None else [n for n in open_ if self._traces[n] == self._traces[had]]
            group = max(own or open_, key=self._need)
        self._at_work[group] += 1
        return group, self._waiting[group].popleft()

    def _need(self, group: int) -> float:
        return len(self._waiting[group]) / (1 + self._at_work[group])


def compute(
    groups: list[list[Job]], workers: list[Worker], finished: Callable[[Finished], None]
) -> Refused | None:
    """Compute every point, telling ``finished`` of each at once.

    After a point that cannot be computed no more are begun; those at work are finished, and the
    first refusal is returned. Raises ``EngineError`` when a worker is lost.
    """
    waiting = Groups(groups)
    idle: list[tuple[Worker, int | None]] = [(worker, None) for worker in workers]
    at_work: dict[Future[Outcome], tuple[Worker, int]] = {}
    refused: Refused | None = None
    while True:
        while idle and refused is None:
            worker, had = idle.pop()
            chosen = waiting.next(had)
            if chosen is not None:
                group, job = chosen
                at_work[worker.submit(job)] = (worker, group)
        if not at_work:
            return refused
        for future in wait(at_work, return_when=FIRST_COMPLETED).done:
            idle.append(at_work.pop(future))
            outcome = _outcome(future)
            if isinstance(outcome, Finished):
                finished(outcome)
            elif refused is None:
                refused = outcome


def _outcome(future: "Future[Outcome]") -> Outcome:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise EngineError(
            "a worker process ended before its point was done (out of memory?); finished points "
            "are kept: repeat the command, with fewer --jobs if memory ran out"
        ) from error
