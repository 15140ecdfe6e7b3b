"""A real Redis server in a process of its own."""

import shutil
import socket
import subprocess
import time

#: The program, ``None`` where it is not installed.
REDIS = shutil.which("redis-server")


class Redis:
    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0?prefix=test"
        self._folder = folder
        self.start()

    def start(self):
        words = ("--port", str(self.port), "--save", "", "--bind", "127.0.0.1", "--loglevel")
        self._process = subprocess.Popen(  # noqa: S603 - the server is the system's
            [str(REDIS), *words, "warning", "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        for _ in range(3000):
            assert self._process.poll() is None, "redis-server ended"
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("redis-server does not start")

    def kill(self):
        self._process.kill()
        self._process.wait()
