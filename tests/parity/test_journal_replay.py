"""A live journal equals its replay, for every policy, with workers that overtake each other."""

import pytest
from live_run import serve_all, some_prompts

from chorus_policies.live.journal_file import read_journal
from chorus_policies.policy import preset_names
from chorus_runtime.server.engine_times import EngineTimes
from chorus_sim.live.replay_journal import replay_journal

REQUESTS = 60
SHORT = EngineTimes(step_s=0.0004, text_s=0.0, decode_s=0.0, encode_s=0.0)


@pytest.mark.parametrize("policy", preset_names())
def test_the_calls_of_a_live_run_write_its_journal_again(tmp_path, policy):
    prompts = some_prompts(REQUESTS)
    run = serve_all(
        tmp_path, prompts, policy=policy, workers=3, at_once=12, times=SHORT, seeds=True
    )
    done = replay_journal(run)
    assert done.difference is None
    assert done.torn == ""
    assert done.rows + done.drivers_rows == len(read_journal(run / "journal.jsonl"))
    answers = [row.answer for row in read_journal(run / "journal.jsonl") if row.call == "lookup"]
    assert len(answers) >= REQUESTS / 3
    assert done.calls > REQUESTS
