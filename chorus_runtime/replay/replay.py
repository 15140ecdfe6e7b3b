"""One replay: check, send, wait until the server is idle, fetch its log, sum up.

An interrupted replay leaves what it has: ``client.jsonl`` up to then, the server's log where it
still answers, and ``"interrupted": true`` in ``replay.json``.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from chorus_runtime.clock import Clock, today
from chorus_runtime.replay.drive import drive
from chorus_runtime.replay.ids import with_own_ids
from chorus_runtime.replay.sent import LATE_S, Sent, SentFile, counts
from chorus_runtime.replay.timeline import closed_chains, open_chains
from chorus_runtime.replay.wire import Wire
from chorus_traces.errors import EngineError
from chorus_traces.trace import Trace

SCHEMA = "chorus.replay/1"

#: Seconds a server may take to finish what is under way once the last answer is in.
_IDLE_S = 60.0


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How a trace is replayed.

    ``key`` is an operator's. With ``tenant_keys`` each request goes out under its tenant's key, so
    that the server keeps tenants apart as the trace does; without, all are those of ``key``.
    ``wait_s`` is how long a server that is not there yet is waited for. ``new_ids`` sends no id of
    the trace as it is, so that one server can be sent the same trace again.
    """

    url: str
    speed: float = 1.0
    loop: Literal["open", "closed"] = "open"
    warm_up: int = 0
    timeout_s: float = 600.0
    wait_s: float = 0.0
    new_ids: bool = False
    key: str | None = None
    tenant_keys: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.speed < float("inf"):
            raise EngineError(f"--speed is {self.speed}; a finite number > 0 is needed")
        if not self.timeout_s > 0:
            raise EngineError(f"--timeout is {self.timeout_s}; seconds > 0 are needed")


def replay(
    trace: Trace,
    wish: Wish,
    folder: Path,
    progress: Callable[[int, int], None],
    waits: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Replay ``trace`` and fill ``folder``; return the sum of it, as in ``replay.json``.

    Raises ``EngineError`` before anything is sent for a server that does not answer, keeps no log
    or serves another model, and for a folder that is not empty; and afterwards, with the folder
    filled, where no request got its video. ``waits`` is called where the server is waited for.
    """
    if wish.warm_up >= len(trace):
        raise EngineError(f"--warm-up is {wish.warm_up} of {len(trace)} requests; fewer are needed")
    check_tenants(trace, wish)
    check_folder(folder)
    asyncio.run(_checked(trace, wish, waits))
    folder.mkdir(parents=True, exist_ok=True)
    rows = SentFile(folder)
    interrupted = False
    try:
        sent = with_own_ids(trace, every=wish.new_ids)
        asyncio.run(_sent(sent, wish, rows, progress))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        rows.close()
    problem = ""
    try:
        asyncio.run(_fetched(wish, folder, 5.0 if interrupted else _IDLE_S))
    except EngineError as error:
        problem = str(error)
    summary = _summary(trace, wish, rows.rows, interrupted=interrupted, problem=problem)
    text = msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
    (folder / "replay.json").write_bytes(text)
    if interrupted:
        raise KeyboardInterrupt
    if problem:
        raise EngineError(problem)
    check_served(wish, rows.rows)
    return summary


def check_served(wish: Wish, rows: list[Sent]) -> None:
    """Raise ``EngineError`` with what the server said first where it served nothing at all."""
    if any(row.status == 200 for row in rows):
        return
    statuses = ", ".join(f"{status}: {number:,}" for status, number in counts(rows).items())
    taken = rows[0].status == 409 and not wish.new_ids
    hint = " (send the trace under new ids with --new-ids)" if taken else ""
    raise EngineError(
        f"--url {wish.url}: none of {len(rows):,} requests was served ({statuses}); the first "
        f"answer: {rows[0].error}{hint}"
    )


def check_tenants(trace: Trace, wish: Wish) -> None:
    """Raise ``EngineError`` where keys are given, but not one for every request's tenant."""
    if not wish.tenant_keys:
        return
    for request in trace.requests:
        if request.tenant is None:
            raise EngineError(
                f"{trace.name}: request {request.id!r} has no tenant, so no key of the keys file "
                "is its own; add tenants to the trace, or leave --tenants-file out"
            )
        if request.tenant not in wish.tenant_keys:
            raise EngineError(
                f"{trace.name}: request {request.id!r} is of tenant {request.tenant!r}, which the "
                "keys file has no key for; add one"
            )


def check_folder(folder: Path) -> None:
    """Raise ``EngineError`` unless ``folder`` can be filled."""
    if folder.exists() and not folder.is_dir():
        raise EngineError(f"--out {folder}: a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise EngineError(f"--out {folder}: the folder is not empty; name a new one")


async def _checked(trace: Trace, wish: Wish, waits: Callable[[], None] | None) -> None:
    async with Wire(wish.url, key=wish.key, timeout_s=wish.timeout_s) as wire:
        await wire.wait(wish.wait_s, waits)
        state = await wire.state()
    served = state["model"]
    for request in trace.requests:
        if request.model not in (None, served):
            raise EngineError(
                f"{trace.name}: request {request.id!r} asks for {request.model!r}; the server has "
                f"{served!r} (serve that model, or leave the field out)"
            )
    if state.get("log") is None:
        raise EngineError(f"--url {wish.url}: the server keeps no log; start it with --log DIR")


async def _sent(
    trace: Trace, wish: Wish, rows: SentFile, progress: Callable[[int, int], None]
) -> None:
    chains = (open_chains if wish.loop == "open" else closed_chains)(trace, wish.speed)

    def note(row: Sent) -> None:
        rows.add(row)
        progress(len(rows.rows), len(trace))

    async with Wire(
        wish.url, key=wish.key, timeout_s=wish.timeout_s, tenant_keys=wish.tenant_keys
    ) as wire:
        await drive(chains, wire.send, note, warm_up=wish.warm_up)


async def _fetched(wish: Wish, folder: Path, idle_s: float) -> None:
    """Fetch the log once nothing waits or runs: a record is written after its answer."""
    clock = Clock()
    async with Wire(wish.url, key=wish.key, timeout_s=wish.timeout_s) as wire:
        while clock.now() < idle_s:
            queue = (await wire.state()).get("queue", {})
            if not queue.get("waiting") and not queue.get("running"):
                break
            await asyncio.sleep(0.2)
        await wire.fetch_log(folder)


def _summary(
    trace: Trace, wish: Wish, rows: list[Sent], *, interrupted: bool, problem: str
) -> dict[str, Any]:
    lags = sorted(row.sent_s - row.planned_s for row in rows)
    return {
        "schema": SCHEMA,
        "date": today(),
        "trace": {"name": trace.name, "sha256": trace.sha256(), "requests": len(trace)},
        "loop": wish.loop,
        "speed": wish.speed,
        "warm_up": wish.warm_up,
        "timeout_s": wish.timeout_s,
        "tenants": sorted(wish.tenant_keys),
        "interrupted": interrupted,
        "problem": problem,
        "answered": len(rows),
        "statuses": counts(rows),
        "late": {
            "over_s": LATE_S,
            "requests": sum(row.late for row in rows),
            "worst_s": lags[-1] if lags else 0.0,
            "median_s": lags[len(lags) // 2] if lags else 0.0,
        },
        "span_s": max((row.answered_s for row in rows), default=0.0),
    }
