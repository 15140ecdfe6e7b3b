"""A study, not a test: what the server itself costs, measured with a model that computes nothing.

``python -m chorus_runtime.server.load --requests 10000`` starts a server in a process of its own,
sends requests over loopback and prints one JSON object: first at a steady rate, for the overhead of
each request (client's time less waiting and service, HTTP on both sides included), then as fast as
it answers, for throughput; and the server's memory and CPU time as it went.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
import numpy as np

from chorus_runtime.clock import Clock

_STARTED = re.compile(r"on (http://\S+) \(")

_WORDS = ("red", "blue", "green", "yellow", "small", "large", "bright", "dark")

#: Times memory is read while requests are sent.
_READINGS = 20


@dataclass
class Sent:
    """What came back: seconds of overhead of each request, statuses, kinds."""

    overhead_s: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)


class Caller:
    """One connection that is kept open: HTTP/1.1, one request at a time."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._address.hostname, self._address.port
            )
        reader, writer = self._streams
        writer.write(
            b"POST %s HTTP/1.1\r\nHost: load\r\nContent-Length: %d\r\n\r\n%s"
            % (path.encode(), len(body), body)
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        return int(head.split(" ", 2)[1]), await reader.readexactly(length)

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()


async def send(
    url: str, requests: int, connections: int, rate: float | None, process: int, clock: Clock
) -> Sent:
    """Send requests at ``rate`` a second, or as fast as they are answered."""
    sent, callers = Sent(), [Caller(url) for _ in range(connections)]
    free: asyncio.Queue[Caller] = asyncio.Queue()
    for caller in callers:
        free.put_nowait(caller)
    start = clock.now()

    async def one(number: int) -> None:
        prompt = f"a {_WORDS[number % 8]} {_WORDS[number // 8 % 8]} thing number {number % 400}"
        body = msgspec.json.encode({"prompt": prompt, "seed": number % 3})
        caller = await free.get()
        before = clock.now()
        status, content = await caller.post("/v1/videos/sync", body)
        took = clock.now() - before
        free.put_nowait(caller)
        sent.statuses.append(status)
        if status == 200:
            made = msgspec.json.decode(content)["chorus"]
            sent.kinds.append(made["kind"])
            sent.overhead_s.append(took - made["response_s"])

    waiting: set[asyncio.Task[None]] = set()
    for number in range(requests):
        if rate is not None:
            await asyncio.sleep(max(0.0, start + number / rate - clock.now()))
        elif len(waiting) >= connections:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        waiting.add(asyncio.create_task(one(number)))
        if number % max(1, requests // _READINGS) == 0:
            sent.memory_bytes.append(memory_of(process))
    await asyncio.gather(*waiting)
    sent.memory_bytes.append(memory_of(process))
    for caller in callers:
        caller.close()
    return sent


def memory_of(process: int) -> int:
    """Return the resident bytes of a process (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_of(process: int) -> float:
    """Return the CPU seconds a process has used (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def study(requests: int, rate: float, connections: int, words: list[str]) -> dict[str, Any]:
    """Return what two runs of ``requests`` requests cost."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        errors = Path(folder) / "server.txt"
        with errors.open("wb") as stream:
            command = _command(words, folder)
            process = subprocess.Popen(command, stderr=stream)  # noqa: S603 - our own program
        try:
            while not (found := _STARTED.search(errors.read_text(encoding="utf-8"))):
                if process.poll() is not None:
                    raise click.ClickException(errors.read_text(encoding="utf-8"))
                await asyncio.sleep(0.1)
            report: dict[str, Any] = {"requests": requests, "cpus": os.cpu_count()}
            for name, pace in (("steady", rate), ("flat out", None)):
                start, cpu = clock.now(), cpu_of(process.pid)
                sent = await send(found[1], requests, connections, pace, process.pid, clock)
                report[name] = _figures(sent, clock.now() - start, cpu_of(process.pid) - cpu)
        finally:
            process.terminate()
            process.wait()
    return report


def _command(words: list[str], folder: str) -> list[str]:
    return [
        *(sys.executable, "-m", "chorus_runtime", "serve", "--model", "fake", "--engine", "fake:0"),
        *("--embedder", "hashed-words", "--port", "0", "--queue", "1000"),
        *("--capacity", "64MiB", "--log", str(Path(folder) / "log"), *words),
    ]


def _figures(sent: Sent, seconds: float, cpu_s: float) -> dict[str, Any]:
    overhead_ms = np.array(sent.overhead_s) * 1000
    memory = np.array(sent.memory_bytes) / 2**20
    return {
        "answered": sent.statuses.count(200),
        "refused": len(sent.statuses) - sent.statuses.count(200),
        "kinds": {kind: sent.kinds.count(kind) for kind in sorted(set(sent.kinds))},
        "seconds": round(seconds, 2),
        "requests_per_s": round(len(sent.statuses) / seconds, 1),
        "server_cpu_ms_per_request": round(1000 * cpu_s / len(sent.statuses), 2),
        "overhead_ms": {
            f"p{part}": round(float(np.percentile(overhead_ms, part)), 2) for part in (50, 95, 99)
        },
        "memory_mib": [round(float(one), 1) for one in memory],
    }


@click.command()
@click.option("--requests", default=10_000, show_default=True, help="In each of the two runs.")
@click.option("--rate", default=100.0, show_default=True, help="Of the steady run, a second.")
@click.option("--connections", default=8, show_default=True)
@click.argument("words", nargs=-1)
def main(requests: int, rate: float, connections: int, words: tuple[str, ...]) -> None:
    """Measure the server; WORDS are further options of chorus-runtime serve."""
    report = asyncio.run(study(requests, rate, connections, list(words)))
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=1).decode())


if __name__ == "__main__":
    main()
