"""Identical requests that come while one is computed are answered with its result."""

from collections.abc import Callable
from time import monotonic, sleep

from chorus_runtime.server.engine_times import EngineTimes

SLOW = EngineTimes(step_s=0.5)


def wait_for(condition: Callable[[], object]) -> None:
    end = monotonic() + 60
    while not condition():
        assert monotonic() < end, "it did not happen"
        sleep(0.01)


def post(one, name: str, **fields) -> None:
    body = {"prompt": "a fox", "steps": 4, "id": name} | fields
    assert one.client.post("/v1/videos", json=body).status_code == 200


def made(one, *names: str):
    states = {}

    def over() -> bool:
        states.update({name: one.client.get(f"/v1/videos/{name}").json() for name in names})
        return all(state["status"] == "completed" for state in states.values())

    wait_for(over)
    return [states[name]["chorus"] for name in names]


def lead(one, name: str) -> None:
    """Post a request and wait until others can wait for its run."""
    post(one, name, seed=7)
    wait_for(lambda: one.serving.desk.workers.followers._leaders)


def test_they_wait_for_the_first_and_copy_it(server):
    one = server(times=SLOW, workers=2)
    lead(one, "first")
    others = ("second", "third", "fourth")
    for name in others:
        post(one, name, seed=7)
    assert len(one.serving.desk.workers.followers) == 3
    first, *rest = made(one, "first", *others)
    assert [each["kind"] for each in (first, *rest)] == ["fresh", "copy", "copy", "copy"]
    for each in rest:
        assert (each["donor"], each["worker"]) == (0, -1)
        assert each["waiting_s"] > 0


def test_without_a_seed_each_is_made_on_its_own(server):
    one = server(times=EngineTimes(step_s=0.05), workers=2)
    for name in ("first", "second"):
        post(one, name)
    assert "copy" not in [each["kind"] for each in made(one, "first", "second")]


def test_when_the_first_is_cancelled_the_next_is_computed(server):
    one = server(times=SLOW)
    lead(one, "first")
    for name in ("second", "third"):
        post(one, name, seed=7)
    assert len(one.serving.desk.workers.followers) == 2
    assert one.client.delete("/v1/videos/first").status_code == 200
    assert [each["kind"] for each in made(one, "second", "third")] == ["fresh", "copy"]


def test_one_that_waits_can_be_cancelled(server):
    one = server(times=SLOW)
    lead(one, "first")
    post(one, "second", seed=7)
    assert len(one.serving.desk.workers.followers) == 1
    assert one.client.delete("/v1/videos/second").status_code == 200
    assert len(one.serving.desk.workers.followers) == 0
