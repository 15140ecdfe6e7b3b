"""What is wrong is told in one line, and the server keeps serving."""

import json

import pytest

from chorus_runtime.server.far.gone import HandsLostError
from chorus_runtime.server.tenants import Tenants, read_tenants
from chorus_runtime.server.video_request import refused
from chorus_traces.errors import EngineError


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "prompt"),
        (b'{"prompt": ""}', "the prompt is empty"),
        (b'{"prompt": " \\n"}', "the prompt is empty"),
        (b'{"prompt": 3}', "prompt: expected str, got int"),
        (b'{"prompt": null}', "prompt: expected str, got null"),
        (b'{"prompt": "x", "sed": 1}', "did you mean 'seed'?"),
        (b'{"prompt": "x", "seed": "one"}', "seed: expected int"),
        (b'{"prompt": "x", "seed": 1.5}', "seed: expected int"),
        (b'{"prompt": "x", "seed": -1}', "seed is -1"),
        (b'{"prompt": "x", "seed": 99999999999999999999999}', "seed"),
        (b'{"prompt": "x", "steps": 0}', "steps is 0"),
        (b'{"prompt": "x", "steps": 5000}', "steps is 5000"),
        (b'{"prompt": "x", "guidance": -1}', "guidance is -1"),
        (b'{"prompt": "x", "size": "big"}', "size is 'big'"),
        (b'{"prompt": "x", "size": "0x64"}', "width is 0"),
        (b'{"prompt": "x", "size": "64x64", "width": 32}', "give one of them"),
        (b'{"prompt": "x", "size": "9999x9999"}', "at most 16 times"),
        (b'{"prompt": "x", "frames": 1000000000}', "at most 16 times"),
        (b'{"prompt": "x", "seconds": "long"}', "seconds is 'long'"),
        (b'{"prompt": "x", "seconds": -2}', "seconds is '-2.0'"),
        (b'{"prompt": "x", "model": "sora-2"}', "'sora-2' is not served here"),
        (b'{"prompt": "x", "id": "a b"}', "id is 'a b'"),
        (b'{"prompt": "x", "tenant": "other"}', "the API key says 'default'"),
        (b'{"prompt": "x", "input_reference": "file"}', "unknown field"),
    ],
)
def test_a_bad_request_is_one_line_that_names_what_is_wrong(server, body, needed):
    client = server().client
    answer = client.post("/v1/videos", content=body)
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code"}
    assert needed in error["message"], error
    assert "\n" not in error["message"]
    assert "Traceback" not in answer.text
    assert client.get("/healthz").status_code == 200


def test_a_form_is_told_that_json_is_needed_and_json_may_be_called_a_form(server):
    client = server().client
    answer = client.post("/v1/videos", files={"prompt": (None, "a red circle")})
    assert answer.status_code == 400
    said = answer.json()["error"]["message"]
    assert said == (
        "the body is not JSON but multipart/form-data; send a JSON object as application/json"
    )
    # What curl -d says of every body.
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/v1/videos", content=b'{"prompt": "x"}', headers=form).status_code == 200


def test_prompts_that_are_too_long_are_refused_before_they_are_read(server):
    client = server().client
    long = client.post("/v1/videos", json={"prompt": "x" * 10_001})
    assert "10001 characters" in long.json()["error"]["message"]
    huge = client.post("/v1/videos", content=b'{"prompt": "' + b"x" * 2**20 + b'"}')
    assert huge.status_code == 413
    half = client.post("/v1/videos", content=b'{"prompt": "half \\ud800"}')
    assert half.status_code == 400


def test_unknown_paths_and_methods_are_json_too(server):
    client = server().client
    assert client.get("/v2/videos").json()["error"]["code"] == "no_such_path"
    assert client.put("/v1/videos").json()["error"]["code"] == "method_not_allowed"
    assert client.get("/v1/videos/none").json()["error"]["code"] == "not_found"
    assert client.get("/v1/videos?limit=0").status_code == 400
    assert client.get("/v1/videos?after=nothing").status_code == 400
    assert client.get("/v1/videos?order=up").status_code == 400
    assert client.post("/v1/videos/sync?content=gif", json={"prompt": "x"}).status_code == 400
    assert client.get("/admin/strips/one.png").status_code == 400
    assert client.get("/admin/log.tar").json()["error"]["code"] == "no_log"


def test_a_thousand_malformed_requests_leave_the_server_as_it_was(server):
    one = server()
    whole = json.dumps({"prompt": "a red circle", "seed": 1, "size": "64x64"}).encode()
    refused = 0
    for number in range(1000):
        cut = number % len(whole)
        broken = whole[:cut] + bytes([number % 256]) + whole[cut + 1 + number % 3 :]
        answer = one.client.post("/v1/videos", content=broken)
        assert answer.status_code in (200, 400, 413, 429), answer.text
        refused += answer.status_code == 400
    assert refused > 700
    assert one.serving.desk.workers.are_alive()
    assert one.sync("a red circle")["status"] == "completed"


def test_a_model_that_fails_fails_the_job_and_not_the_server(server):
    one = server()
    engine = one.serving.bench.chorus.model.engine

    class Broken:
        settings = engine.settings

        def generate(self, generation):
            raise ZeroDivisionError

    one.serving.bench.chorus.model.engine = Broken()
    answer = one.client.post("/v1/videos/sync", json={"prompt": "x", "id": "bad"})
    assert answer.status_code == 500
    assert (
        answer.json()["error"]["message"] == "no video was made: internal error (ZeroDivisionError)"
    )
    assert one.client.get("/v1/videos/bad").json()["status"] == "failed"
    one.serving.bench.chorus.model.engine = engine
    assert one.sync("x")["status"] == "completed"


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("", "has no keys"),
        ("key", "not a keys file"),
        ('"key" = 3', "maps to 3"),
        ('"key" = ""', "maps to ''"),
        ('"key" = "one"\nadmin = "root"', "admin is 'root'"),
    ],
)
def test_a_bad_keys_file_is_refused(tmp_path, text, needed):
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(EngineError, match=needed):
        read_tenants(path)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_two_tenants_with_equal_prompts_share_nothing(server, tmp_path):
    tenants = Tenants({"k1": "one", "k2": "two", "k3": "one"}, ("root",))
    one = server(tenants=tenants, log=tmp_path)
    client, body = one.client, {"prompt": "a red circle", "seed": 1, "id": "same"}
    first = client.post("/v1/videos/sync", json=body, headers=bearer("k1")).json()
    second = client.post("/v1/videos/sync", json=body, headers=bearer("k2")).json()
    assert [made["chorus"]["kind"] for made in (first, second)] == ["fresh", "fresh"]
    third = client.post("/v1/videos/sync", json=body | {"id": "b"}, headers=bearer("k3")).json()
    assert third["chorus"]["kind"] == "copy"
    for path in ("/v1/videos/b", "/v1/videos/b/content"):
        assert client.get(path, headers=bearer("k1")).status_code == 200
        assert client.get(path, headers=bearer("k2")).status_code == 404
    assert client.delete("/v1/videos/b", headers=bearer("k2")).status_code == 404
    listed = client.get("/v1/videos", headers=bearer("k2")).json()["data"]
    assert [job["id"] for job in listed] == ["same"]
    names = [
        line.split('"id":"')[1].split('"')[0]
        for line in (tmp_path / "run-0001" / "requests.jsonl").read_text().splitlines()
    ]
    assert names == ["same", "two/same", "b"]


def test_without_a_key_there_is_nothing_and_without_an_operators_no_admin(server):
    one = server(tenants=Tenants({"k1": "one"}, ("root",)))
    for headers in ({}, bearer("k9"), {"Authorization": "Basic k1"}, bearer("root")):
        answer = one.client.post("/v1/videos", json={"prompt": "x"}, headers=headers)
        assert answer.status_code == 401
    assert one.client.get("/v1/videos").status_code == 401
    assert one.client.get("/admin/state", headers=bearer("k1")).status_code == 403
    assert one.client.get("/admin/state", headers=bearer("root")).status_code == 200
    assert one.client.get("/healthz").status_code == 200


def test_that_no_worker_lives_to_be_asked_is_not_the_clients_doing():
    lost, wrong = refused(HandsLostError("all are gone")), refused(EngineError("height is 3"))
    assert (lost.status, lost.code, str(lost)) == (503, "no_worker", "all are gone")
    assert lost.headers() == {"Retry-After": "30"}
    assert (wrong.status, wrong.code) == (400, "invalid_value")
