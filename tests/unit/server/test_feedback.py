"""Clients judge their videos, and the policy learns from it."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from unit.server.conftest import close, settle, wait_for

from chorus_policies.live.call_log import read_calls
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.tenants import Tenants
from chorus_sim.live.replay_journal import replay_journal
from chorus_traces.errors import EngineError

SLOW = EngineTimes(step_s=0.05)
RED = "a red circle moving left"

#: Tries all that was never judged, so that a short test sees reuse. One in two may disappoint.
BUDGET = """
base = "chorus"
[reuse]
kind = "error_budget"
delta = 0.9
epsilon = 0.9
bands = [{ similarity = 0.5, k1 = 0.5 }]
"""


@pytest.fixture
def budget(tmp_path):
    path = tmp_path / "budget.toml"
    path.write_text(BUDGET, encoding="utf-8")
    return str(path)


def judged(one, name, acceptable=True, **headers):
    body = {"acceptable": acceptable}
    return one.client.post(f"/v1/videos/{name}/feedback", json=body, headers=headers)


def reused(one, number):
    """Return a video that was made with reuse."""
    return one.sync(f"{RED} at {number} o'clock", seed=number)


def test_a_judgement_of_a_reused_video_is_learned_from_shown_and_counted(server, budget):
    one = server(policy=budget)
    videos = [reused(one, number) for number in range(8)]
    made = [video for video in videos if video["chorus"]["kind"] == "resume"]
    assert len(made) >= 2
    assert made[0]["chorus"]["judged"] == ""
    answers = [judged(one, made[0]["id"], True), judged(one, made[1]["id"], False)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json() == {
        "id": made[1]["id"],
        "object": "video.feedback",
        "acceptable": False,
        "learned": True,
        "note": "",
    }
    shown = [one.client.get(f"/v1/videos/{video['id']}").json()["chorus"] for video in made[:2]]
    assert [made_["judged"] for made_ in shown] == ["acceptable", "not acceptable"]
    text = one.client.get("/metrics").text
    assert 'chorus_judged_total{kind="resume",verdict="acceptable"} 1.0' in text
    assert 'chorus_judged_total{kind="resume",verdict="not_acceptable"} 1.0' in text
    state = one.client.get("/admin/state").json()["judged"]
    assert state == {"videos": 2, "reused": 2, "reused_not_acceptable": 1, "recalled": 0}


def test_bad_judgements_end_reuse_and_good_ones_do_not(server, budget):
    kinds = {}
    for acceptable in (True, False):
        one = server(policy=budget)
        for number in range(60):
            judged(one, reused(one, number)["id"], acceptable)
        later = Counter(reused(one, number)["chorus"]["kind"] for number in range(60, 80))
        kinds[acceptable] = later["resume"]
    assert kinds[True] == 20
    assert kinds[False] == 0


def test_the_log_repeats_what_was_learned_bit_for_bit(server, budget, tmp_path):
    one = server(policy=budget, log=tmp_path / "log")
    for number in range(30):
        judged(one, reused(one, number)["id"], number % 3 > 0)
    settle(one)
    close(one)
    run = tmp_path / "log" / "run-0001"
    calls = [call for call in read_calls(run / "calls.log") if call.name == "judged"]
    assert {call.acceptable for call in calls} == {True, False}
    replayed = replay_journal(run)
    assert replayed.difference is None
    assert not replayed.torn
    rows = [json.loads(line) for line in (run / "journal.jsonl").read_bytes().splitlines()]
    assert sum(row["call"] == "judged" for row in rows) == len(calls) > 5


def test_a_video_made_without_reuse_may_be_judged_and_teaches_nothing(server, budget):
    one = server(policy=budget, capacity="64MiB")
    first = one.sync(RED, seed=1)
    copy = one.sync(RED, seed=1)
    assert (first["chorus"]["kind"], copy["chorus"]["kind"]) == ("fresh", "copy")
    for video, kind in ((first, "fresh"), (copy, "copy")):
        answer = judged(one, video["id"]).json()
        assert (answer["learned"], kind in answer["note"]) == (False, True)


def test_a_policy_without_an_error_budget_says_that_it_does_not_learn(server):
    one = server()
    one.sync(RED, seed=1)
    video = one.sync(RED + " now", seed=2)
    assert video["chorus"]["kind"] in ("regional", "resume")
    answer = judged(one, video["id"]).json()
    assert answer["learned"] is False
    assert "chorus has no error budget" in answer["note"]


def test_a_second_judgement_is_refused_also_after_a_restart(server, budget, tmp_path):
    one = server(policy=budget, log=tmp_path / "log")
    names = [reused(one, number)["id"] for number in range(2)]
    assert judged(one, names[0]).status_code == 200
    assert judged(one, names[0]).json()["error"]["code"] == "already_judged"
    settle(one)
    close(one)
    again = server(policy=budget, log=tmp_path / "log")
    assert judged(again, names[0], False).status_code == 409
    shown = again.client.get(f"/v1/videos/{names[0]}").json()
    assert shown["chorus"]["judged"] == "acceptable"
    assert judged(again, names[1]).status_code == 200


def test_what_was_learned_is_there_again_after_a_restart_and_repeats(server, budget, tmp_path):
    log = tmp_path / "log"
    one = server(policy=budget, log=log)
    for number in range(60):
        judged(one, reused(one, number)["id"], False)
    before = one.serving.bench.chorus.learned()
    # What a killed server leaves behind: nothing was closed in order.
    log = Path(shutil.copytree(log, tmp_path / "killed"))
    again = server(policy=budget, log=log)
    assert again.serving.desk.experience.recalled == len(before) > 0
    assert again.serving.bench.chorus.learned() == before
    later = Counter(reused(again, number)["chorus"]["kind"] for number in range(60, 90))
    assert later == {"fresh": 30}
    settle(again)
    close(again)
    replayed = replay_journal(log / "run-0002")
    assert replayed.difference is None
    # Under another policy nothing of it is believed.
    other = tmp_path / "other.toml"
    other.write_text(BUDGET.replace("k1 = 0.5", "k1 = 0.25"), encoding="utf-8")
    assert server(policy=str(other), log=log).serving.desk.experience.recalled == 0


def test_experience_that_cannot_be_written_is_said_and_used(server, budget, tmp_path):
    one = server(policy=budget, log=tmp_path / "log")
    videos = [reused(one, number) for number in range(8)]
    video = next(video for video in videos if video["chorus"]["kind"] == "resume")
    one.serving.desk.experience._path = tmp_path / "gone" / "learned.json"
    answer = judged(one, video["id"]).json()
    assert answer["learned"] is True
    assert "until the server ends" in answer["note"]
    assert one.serving.bench.chorus.learned()


def test_a_damaged_file_of_experience_is_one_line(server, budget, tmp_path):
    log = tmp_path / "log"
    one = server(policy=budget, log=log)
    videos = [reused(one, number) for number in range(8)]
    video = next(video for video in videos if video["chorus"]["kind"] == "resume")
    judged(one, video["id"])
    (file,) = log.glob("learned-*.json")
    close(one)
    file.write_bytes(b"{")
    with pytest.raises(EngineError, match="delete it to learn anew"):
        server(policy=budget, log=log)


def test_a_video_that_is_not_finished_or_failed_cannot_be_judged(server):
    one = server(times=SLOW)
    slow = one.client.post("/v1/videos", json={"prompt": RED, "steps": 20}).json()
    early = judged(one, slow["id"])
    assert (early.status_code, early.json()["error"]["code"]) == (409, "not_ready")
    assert int(early.headers["Retry-After"]) >= 1
    one.serving.desk.workers.stop(one.serving.desk.jobs.find("default", slow["id"]), "stopped")
    wait_for(one.client, slow["id"], "failed")
    assert judged(one, slow["id"]).json()["error"]["code"] == "no_video"


def test_nobody_judges_what_is_not_there_or_somebody_elses(server):
    one = server(tenants=Tenants({"key-a": "a", "key-b": "b"}))
    a, b = ({"Authorization": f"Bearer key-{name}"} for name in "ab")
    video = one.client.post("/v1/videos/sync", json={"prompt": RED}, headers=a).json()
    assert judged(one, video["id"], **b).status_code == 404
    assert judged(one, "none", **a).status_code == 404
    assert judged(one, video["id"]).status_code == 401
    assert judged(one, video["id"], **a).status_code == 200


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"true", "not a JSON object"),
        (b"{}", "acceptable"),
        (b'{"acceptable": 1}', "acceptable: expected bool, got int"),
        (b'{"acceptable": "yes"}', "acceptable: expected bool, got str"),
        (b'{"acceptable": null}', "acceptable: expected bool, got null"),
        (b'{"accepted": true}', "did you mean 'acceptable'?"),
        (b'{"acceptable": true, "score": 3}', "unknown field 'score'"),
    ],
)
def test_a_judgement_that_is_none_is_one_line(server, body, needed):
    one = server()
    name = one.sync(RED)["id"]
    answer = one.client.post(f"/v1/videos/{name}/feedback", content=body)
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert needed in message, message
    assert "\n" not in message
    assert one.client.get(f"/v1/videos/{name}").json()["chorus"]["judged"] == ""
