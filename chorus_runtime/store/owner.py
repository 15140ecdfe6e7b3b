"""Who holds a store: a process, named so that another one can tell whether it is gone."""

import os
import secrets
import socket
from pathlib import Path

import msgspec

from chorus_runtime.clock import now_text

_PROC = Path("/proc")


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """One process that opened a store, once; ``token`` tells it from every other.

    ``processes`` names the table its number counts in: the machine's since it was started last, or
    a container's. It is empty where that is not known. ``began`` tells it from an earlier or later
    process of that number.
    """

    token: str
    machine: str
    process: int
    since: str
    processes: str
    began: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine}, since {self.since}"

    @property
    def is_gone(self) -> bool:
        """Tell whether it has certainly ended; of other machines nobody knows."""
        if not self.processes or self.processes != _processes():
            return False
        state, began = _state(self.process)
        # A zombie has ended; only its parent has not heard of it.
        return not state or state in "ZX" or began != self.began


def this_process() -> Owner:
    """Return this process as an owner, another one at each call."""
    return Owner(
        token=secrets.token_hex(8),
        machine=socket.gethostname(),
        process=os.getpid(),
        since=now_text(),
        processes=_processes(),
        began=_state(os.getpid())[1],
    )


def _processes() -> str:
    """Return what names this process's table of processes; empty where Linux does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _state(process: int) -> tuple[str, str]:
    """Return a process's state and the tick it began at; two empty texts where there is none.

    See proc_pid_stat(5). One that exists and is not shown counts as running.
    """
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return "", ""
    except OSError:
        pass
    try:
        stat = (_PROC / str(process) / "stat").read_text()
    except FileNotFoundError:
        return "", ""
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]
