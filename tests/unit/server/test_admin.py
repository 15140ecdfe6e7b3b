"""The routes of operators and of machines that watch."""

import time

import pytest
from unit.server.conftest import close

RED, BLUE = "a red circle moving left", "a blue square moving up"


def test_entries_are_invalidated_by_what_is_stated(server):
    one = server()
    for prompt in (RED, BLUE, "a green dot"):
        one.sync(prompt, seed=1)

    def drop(**wanted):
        return one.client.post("/admin/invalidate", json=wanted).json()["dropped"]

    assert drop(tenant="somebody") == 0
    assert drop(model="other") == 0
    assert drop(older_than_s=3600) == 0
    assert drop(prompt="RED circle|dot$") == 2
    assert one.sync(RED, seed=1)["chorus"]["kind"] == "fresh"
    assert one.sync(BLUE, seed=1)["chorus"]["kind"] == "copy"
    assert drop(tenant="default", older_than_s=0) == 2
    assert len(one.serving.bench.chorus) == 0


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        (b"{}", "nothing is stated"),
        (b"no", "not an invalidation"),
        (b'{"prompt": "("}', "not a regular expression"),
        (b'{"prompt": "(?=a)"}', "invalid perl operator"),
        (b'{"prompt": "' + b"(" * 5000 + b'"}', "not a regular expression"),
        (b'{"prompts": "x"}', "prompts"),
        (b'{"older_than_s": "x"}', "older_than_s"),
    ],
)
def test_an_unclear_invalidation_is_refused(server, body, needed):
    answer = server().client.post("/admin/invalidate", content=body)
    assert answer.status_code == 400
    assert needed in answer.json()["error"]["message"]


def test_a_pattern_that_backtracks_without_end_is_answered_at_once(server):
    one = server()
    # Python's own expressions take seconds over it, and twice as many for one letter more.
    one.sync("a" * 26 + "!")
    began_s = time.process_time()
    answer = one.client.post("/admin/invalidate", json={"prompt": "(a+)+$"})
    assert time.process_time() - began_s < 1
    assert answer.json() == {"dropped": 0}
    assert one.client.post("/admin/invalidate", json={"prompt": "(A+)+!$"}).json()["dropped"] == 1


def test_invalidated_entries_do_not_come_back_after_a_restart(server, tmp_path):

    first = server(store=tmp_path)
    first.sync(RED, seed=1)
    first.sync(BLUE, seed=1)
    first.serving.bench.chorus.store.flush()
    close(first)
    second = server(store=tmp_path)
    assert len(second.serving.bench.chorus) == 2
    dropped = second.client.post("/admin/invalidate", json={"tenant": "default", "prompt": "red"})
    assert dropped.json()["dropped"] == 1
    close(second)
    assert len(server(store=tmp_path).serving.bench.chorus) == 1


def test_a_draining_server_takes_nothing_in_and_still_answers(server):
    one = server()
    made = one.sync(RED)
    assert one.client.post("/admin/drain").json()["draining"]
    answer = one.client.post("/v1/videos", json={"prompt": RED})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert one.client.get("/readyz").status_code == 503
    assert one.client.get("/healthz").status_code == 200
    assert one.client.get(f"/v1/videos/{made['id']}").json()["status"] == "completed"


def test_the_state_has_what_a_dashboard_draws(server):
    one = server()
    one.sync(RED, seed=1)
    one.sync(RED, seed=1)
    one.serving.desk.workers.close()
    state = one.client.get("/admin/state").json()
    assert state["kinds"] == {"copy": 1, "regional": 0, "resume": 0, "fresh": 1}
    assert state["hit_ratio"] == 0.5
    assert state["response"]["answers"] == 2
    assert state["cache"]["entries"] == 1
    assert state["series"]
    newest = state["last"][0]
    assert (newest["kind"], newest["donor"], newest["donor_prompt"]) == ("copy", 0, RED)
    for key in (newest["key"], newest["donor"]):
        strip = one.client.get(f"/admin/strips/{key}.png")
        assert strip.content.startswith(b"\x89PNG")
    assert one.client.get("/admin/strips/99.png").status_code == 404


def test_prometheus_can_read_the_metrics(server):
    one = server()
    one.sync(RED, seed=1)
    one.sync(RED, seed=1)
    one.serving.desk.workers.close()
    text = one.client.get("/metrics").text
    for line in (
        'chorus_answers_total{kind="copy"} 1.0',
        'chorus_answers_total{kind="fresh"} 1.0',
        "chorus_entries 1.0",
        'chorus_response_seconds_count{kind="fresh"} 1.0',
        'chorus_capacity_bytes{tier="host"} 6.7108864e+07',
        "chorus_waiting 0.0",
    ):
        assert line in text, text
