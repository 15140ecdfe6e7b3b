"""A server that is killed keeps what it learned from judgements it acknowledged."""

import pytest

from chorus_sim.live.replay_journal import replay_journal

pytestmark = pytest.mark.slow

#: Tries much of what was never judged, so that few requests teach something.
BUDGET = """
base = "chorus"
[reuse]
kind = "error_budget"
delta = 0.9
epsilon = 0.9
bands = [{ similarity = 0.5, k1 = 0.5 }]
"""


def kinds_of(server, first, count):
    """Return how requests that resemble each other are made, judging each as bad."""
    kinds = []
    for number in range(first, first + count):
        video = server.post(f"a red circle moving left at {number}", "/sync", seed=number).json()
        kinds.append(video["chorus"]["kind"])
        answer = server.client.post(
            f"/v1/videos/{video['id']}/feedback", json={"acceptable": False}
        )
        assert answer.status_code == 200
    return kinds


def test_a_killed_server_starts_with_what_judgements_taught_it(start, tmp_path):
    policy = tmp_path / "budget.toml"
    policy.write_text(BUDGET, encoding="utf-8")
    words = ("--policy", str(policy), "--log", str(tmp_path / "log"))
    words += ("--store", str(tmp_path / "store"))
    first = start(*words)
    before = kinds_of(first, 0, 60)
    assert before.count("resume") > 5
    old = first.client.get("/v1/videos?limit=100&order=asc").json()["data"]
    first.kill()
    assert replay_journal(tmp_path / "log" / "run-0001").difference is None

    second = start(*words)
    assert second.client.get("/admin/state").json()["judged"]["recalled"] > 0
    # Entries of the first process lie there, and nothing is made from them.
    assert second.found > 0
    assert kinds_of(second, 60, 20).count("resume") == 0
    again = second.client.post(f"/v1/videos/{old[0]['id']}/feedback", json={"acceptable": True})
    assert again.json()["error"]["code"] == "already_judged"
    assert second.terminate() == 0
    assert replay_journal(tmp_path / "log" / "run-0002").difference is None
