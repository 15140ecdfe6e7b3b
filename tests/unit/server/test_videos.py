"""The routes of clients."""

from itertools import pairwise

import pytest
from unit.server.conftest import settle, wait_for

from chorus_runtime.server.desk import DeskRule
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.videos import VideoLimits

RED, BLUE = "a red circle moving left", "a blue circle moving left"
SLOW = EngineTimes(step_s=0.05)


def test_a_video_is_made_asked_for_fetched_and_deleted(server):
    client = server().client
    made = client.post("/v1/videos", json={"prompt": RED, "seed": 3, "size": "64x64"}).json()
    assert made["object"] == "video"
    assert made["status"] in ("queued", "in_progress", "completed")
    job = wait_for(client, made["id"])
    assert (job["progress"], job["size"], job["seconds"]) == (100, "64x64", "1")
    assert job["created_at"] <= job["completed_at"] < job["expires_at"]
    content = client.get(f"/v1/videos/{made['id']}/content")
    assert content.headers["content-type"] == "video/mp4"
    assert b"ftyp" in content.content[:16]
    gone = client.delete(f"/v1/videos/{made['id']}").json()
    assert gone == {"id": made["id"], "object": "video.deleted", "deleted": True}
    for path in ("", "/content"):
        assert client.get(f"/v1/videos/{made['id']}{path}").status_code == 404


def test_every_answer_says_how_it_was_made(server):
    one = server()
    fresh = one.sync(RED, seed=1)["chorus"]
    assert (fresh["kind"], fresh["donor"], fresh["similarity"]) == ("fresh", None, None)
    assert fresh["seconds_saved"] == 0
    similar = one.sync(RED + " now", seed=2)["chorus"]
    assert similar["kind"] in ("regional", "resume")
    assert similar["donor"] == 0
    assert 0.8 < similar["similarity"] < 1
    assert 0 < similar["k1"] <= similar["k2"] <= similar["steps"] == 4
    assert similar["seconds_saved"] > 0
    assert similar["seconds_saved_source"].startswith("estimated")
    assert similar["policy"] == "chorus"
    assert len(similar["fingerprint"]) == 12
    assert {"text_encode", "embed", "lookup", "load", "denoise", "video_encode"} <= set(
        similar["stages"]
    )
    assert similar["response_s"] == pytest.approx(similar["waiting_s"] + similar["service_s"])


def test_an_identical_request_is_answered_on_arrival_while_the_worker_is_busy(server):
    one = server(times=SLOW)
    first = one.sync(RED, seed=1)
    slow = one.client.post("/v1/videos", json={"prompt": "something else", "steps": 20}).json()
    copy = one.sync(RED, seed=1)
    assert copy["chorus"]["kind"] == "copy"
    assert copy["chorus"]["worker"] == -1
    assert copy["chorus"]["donor"] == 0
    assert one.client.get(f"/v1/videos/{slow['id']}").json()["status"] == "in_progress"
    contents = [
        one.client.get(f"/v1/videos/{made['id']}/content").content for made in (first, copy)
    ]
    assert contents[0] == contents[1] != b""


def test_a_copy_whose_video_is_gone_is_decoded_again(server):
    one = server()
    first = one.sync(RED, seed=1)
    one.client.delete(f"/v1/videos/{first['id']}")
    copy = one.sync(RED, seed=1)
    assert copy["chorus"]["kind"] == "copy"
    assert "vae_decode" in copy["chorus"]["stages"]
    assert one.client.get(f"/v1/videos/{copy['id']}/content").status_code == 200


def test_a_synchronous_answer_can_be_the_video_itself(server):
    answer = server().client.post("/v1/videos/sync?content=mp4", json={"prompt": RED})
    assert answer.headers["content-type"] == "video/mp4"
    assert '"kind": "fresh"' in answer.headers["chorus-made"]
    assert b"ftyp" in answer.content[:16]


def test_a_full_queue_is_429_and_says_when_to_come_back(server):
    one = server(times=EngineTimes(step_s=0.25), rule=DeskRule(waiting=2))
    answers = [one.client.post("/v1/videos", json={"prompt": f"clip {n}"}) for n in range(5)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 2
    assert refused[0].json()["error"]["type"] == "rate_limit_error"
    assert int(refused[0].headers["retry-after"]) >= 1
    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 200]
    assert len(accepted) >= 2
    for name in accepted:
        wait_for(one.client, name)


def test_requests_are_served_in_the_order_of_their_arrival(server):
    one = server(times=EngineTimes(step_s=0.005))
    names = [
        one.client.post("/v1/videos", json={"prompt": f"clip {n}"}).json()["id"] for n in range(6)
    ]
    for name in names:
        wait_for(one.client, name)
    one.serving.desk.workers.close()
    records = one.serving.bench.tally.recent()
    assert [record.id for record in records] == names
    starts = [record.start_s for record in records]
    assert starts == sorted(starts)
    assert all(
        before.start_s + before.held_s <= after.start_s for before, after in pairwise(records)
    )


def test_a_running_job_is_cancelled_at_its_next_step(server):
    one = server(times=SLOW, log=None)
    job = one.client.post("/v1/videos", json={"prompt": RED, "steps": 200}).json()
    wait_for(one.client, job["id"], "in_progress")
    assert one.client.delete(f"/v1/videos/{job['id']}").json()["deleted"]
    # The worker is free again long before the ten seconds the job would have taken.
    assert one.sync(BLUE, steps=1)["chorus"]["waiting_s"] < 8
    settle(one)
    assert len(one.serving.bench.chorus) == 1
    assert one.serving.bench.tally.failures["cancelled"] == 1


def test_a_waiting_job_is_cancelled_at_once(server):
    one = server(times=SLOW)
    for prompt in (RED, BLUE):
        last = one.client.post("/v1/videos", json={"prompt": prompt, "id": prompt[2:5]}).json()
    one.client.delete(f"/v1/videos/{last['id']}")
    assert one.serving.desk.workers.waiting == 0
    assert one.client.get(f"/v1/videos/{last['id']}").status_code == 404


def test_content_of_a_job_that_is_not_over_is_409(server):
    one = server(times=SLOW)
    job = one.client.post("/v1/videos", json={"prompt": RED}).json()
    answer = one.client.get(f"/v1/videos/{job['id']}/content")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "not_ready"


def test_the_list_has_pages(server):
    one = server()
    for number in range(5):
        one.sync(RED, id=f"v{number}")
    page = one.client.get("/v1/videos?limit=2").json()
    assert [job["id"] for job in page["data"]] == ["v4", "v3"]
    assert page["has_more"]
    rest = one.client.get("/v1/videos?limit=100&after=v3").json()
    assert [job["id"] for job in rest["data"]] == ["v2", "v1", "v0"]
    assert not rest["has_more"]
    first = one.client.get("/v1/videos?order=asc&limit=1").json()
    assert first["first_id"] == "v0"


def test_only_so_many_jobs_are_remembered(server, tmp_path):
    one = server(rule=DeskRule(remembered=3), log=tmp_path)
    for number in range(6):
        one.sync(RED, id=f"v{number}")
    names = [job["id"] for job in one.client.get("/v1/videos").json()["data"]]
    assert names == ["v5", "v4", "v3"]
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == 3


def test_videos_are_kept_within_their_bytes(server, tmp_path):
    one = server(limits=VideoLimits(size_bytes=6000), log=tmp_path)
    for number in range(6):
        one.sync(f"clip {number}", id=f"v{number}")
    files = list((tmp_path / "videos").glob("*.mp4"))
    assert 0 < len(files) < 6
    assert sum(path.stat().st_size for path in files) <= 6000
    assert one.client.get("/v1/videos/v0").status_code == 404
    assert one.client.get("/v1/videos/v5/content").status_code == 200


def test_an_id_is_used_once(server):
    one = server()
    one.sync(RED, id="mine")
    answer = one.client.post("/v1/videos", json={"prompt": RED, "id": "mine"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "id_taken")


def test_seconds_become_frames(server):
    assert server().sync(RED, seconds="2")["seconds"] == "2"
    assert server().sync(RED, frames=12)["seconds"] == "1.5"
