"""Servers in processes of their own, ended with their test."""

import pytest
from live.server_process import Server


@pytest.fixture
def start(tmp_path):
    """Start servers; whatever still runs is killed in the end."""
    made: list[Server] = []

    def begin(*words: str, **more) -> Server:
        made.append(Server(*words, folder=tmp_path, **more))
        return made[-1]

    yield begin
    for one in made:
        if one.process.poll() is None:
            one.kill()
        one.client.close()
