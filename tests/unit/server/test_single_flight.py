"""Identical requests that come while one is computed are answered with its result."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

from chorus_runtime.server.fake_model import FakeTimes

SLOW = FakeTimes(step_s=0.15)


def burst(one, count: int, **fields):
    with ThreadPoolExecutor(count) as pool:
        answers = []
        for number in range(count):
            answers.append(pool.submit(one.sync, "a fox", id=f"r{number}", steps=4, **fields))
            sleep(0.03)
        return [answer.result()["chorus"] for answer in answers]


def test_they_wait_for_the_first_and_copy_it(server):
    one = server(times=SLOW, workers=2)
    made = burst(one, 4, seed=7)
    assert [each["kind"] for each in made] == ["fresh", "copy", "copy", "copy"]
    assert [each["worker"] for each in made][1:] == [-1, -1, -1]
    first = made[0]
    for each in made[1:]:
        assert each["donor"] == 0
        # It waited for the first one's run, and then hardly at all.
        assert 0.2 < each["waiting_s"] < first["response_s"] + 0.2
        assert each["service_s"] < 0.4


def test_without_a_seed_each_is_made_on_its_own(server):
    one = server(times=SLOW, workers=2)
    assert "copy" not in [each["kind"] for each in burst(one, 2)]


def test_when_the_first_is_cancelled_the_next_is_computed(server):
    one = server(times=SLOW)
    posted = [
        one.client.post(
            "/v1/videos", json={"prompt": "a fox", "seed": 7, "steps": 4, "id": name}
        ).json()
        for name in ("first", "second", "third")
    ]
    assert len(posted) == 3
    sleep(0.2)
    assert len(one.serving.desk.workers.followers) == 2
    assert one.client.delete("/v1/videos/first").status_code == 200
    for _ in range(200):
        states = [one.client.get(f"/v1/videos/{name}").json() for name in ("second", "third")]
        if all(state["status"] == "completed" for state in states):
            break
        sleep(0.03)
    assert [state["chorus"]["kind"] for state in states] == ["fresh", "copy"]


def test_one_that_waits_can_be_cancelled(server):
    one = server(times=SLOW)
    for name in ("first", "second"):
        one.client.post("/v1/videos", json={"prompt": "a fox", "seed": 7, "steps": 4, "id": name})
    sleep(0.2)
    assert len(one.serving.desk.workers.followers) == 1
    assert one.client.delete("/v1/videos/second").status_code == 200
    assert len(one.serving.desk.workers.followers) == 0
