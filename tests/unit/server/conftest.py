"""A server in this process, of a model that computes nothing unless told to wait."""

import time
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.fake_model import FakeClips, FakeVideo
from chorus_runtime.server.serving import ServerPlan, Serving
from chorus_runtime.server.tenants import Tenants

NO_TIME = EngineTimes()


@pytest.fixture(scope="session")
def clips():
    """Encode the black clip once for all tests."""
    return FakeClips(NO_TIME)


@dataclass
class Served:
    serving: Serving
    client: TestClient

    def sync(self, prompt: str, **fields: Any) -> Any:
        answer = self.client.post("/v1/videos/sync", json={"prompt": prompt, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def server(clips):
    """Make servers; all are ended when the test is over."""
    made: list[Served] = []

    def make(*, times=NO_TIME, tenants=None, model=None, clip_writer=None, **plan) -> Served:
        fields = {"policy": "chorus", "capacity": "64MiB"} | plan
        serving = Serving(
            model or FakeVideo(times),
            clip_writer or clips,
            HashedWords(),
            ServerPlan(**fields),
            tenants or Tenants({}),
        )
        serving.__enter__()
        client = TestClient(serving.app, raise_server_exceptions=False)
        client.__enter__()
        made.append(Served(serving, client))
        return made[-1]

    yield make
    for one in made:
        close(one)


def close(served: Served) -> None:
    served.client.__exit__(None, None, None)
    served.serving.__exit__(None, None, None)


def wait_for(client, name, status="completed"):
    for _ in range(6000):
        job = client.get(f"/v1/videos/{name}").json()
        if job["status"] == status:
            return job
        time.sleep(0.01)
    raise AssertionError(job)


def settle(one):
    """Wait until the worker is free and what it stored is where it belongs."""
    while one.serving.desk.workers.running:
        time.sleep(0.01)
    one.serving.bench.chorus.store.flush()
