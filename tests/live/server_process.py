"""A server in a process of its own, as an operator starts it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

STARTED = re.compile(r"serving .* on (http://\S+) \(policy .*, (\d+) entries found, (\d+) requests")


class Server:
    """Starts ``chorus-runtime serve`` on a free port of this machine and waits for it."""

    def __init__(self, *words: str, folder: Path, model: str = "fake", limit: str = "") -> None:
        fake = ("--engine", "fake:0") if model == "fake" and "--engine" not in words else ()
        command = [
            *(sys.executable, "-m", "chorus_runtime", "serve", "--model", model, "--port", "0"),
            *("--policy", "chorus", "--embedder", "hashed-words", "--capacity", "64MiB"),
            *fake,
            *words,
        ]
        if limit:
            command = ["bash", "-c", f'{limit}; exec "$0" "$@"', *command]
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        self.errors = folder / "server.txt"
        with self.errors.open("ab") as stream:
            before = stream.tell()
            self.process = subprocess.Popen(command, stderr=stream, stdout=stream, env=env)  # noqa: S603 - the program is ours
        found = None
        while found is None:
            text = self.errors.read_bytes()[before:].decode()
            found = STARTED.search(text)
            if found is None:
                try:
                    self.process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError(text)
        self.url, self.found, self.resumed = found[1], int(found[2]), int(found[3])
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def post(self, prompt: str, path: str = "", **fields: Any) -> httpx.Response:
        return self.client.post(f"/v1/videos{path}", json={"prompt": prompt, **fields})

    def status(self, name: str) -> Any:
        return self.client.get(f"/v1/videos/{name}").json()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.client.close()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.client.close()
        return code


def hands_of(server):
    """Return the process numbers of the server's hands."""
    parents, names = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
                names[int(folder.name)] = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])

    def is_ours(process):
        while process in parents:
            if process == server.process.pid:
                return True
            process = parents[process]
        return False

    return [one for one, name in names.items() if name.startswith(b"ray::Hand") and is_ours(one)]
