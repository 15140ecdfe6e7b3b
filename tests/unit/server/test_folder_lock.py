"""A log folder belongs to one server at a time, and to nobody when that one is dead."""

import subprocess
import sys
from pathlib import Path

import pytest
from unit.server.conftest import close

from chorus_traces.errors import EngineError

HOLD = """
import sys, time
from pathlib import Path
from chorus_runtime.server.folder_lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_server_is_refused_until_the_first_has_ended(server, tmp_path):
    first = server(log=tmp_path)
    first.sync("a fox", seed=1)
    with pytest.raises(EngineError, match="in use by another server") as refusal:
        server(log=tmp_path)
    assert "\n" not in str(refusal.value)
    assert [path.name for path in tmp_path.glob("run-*")] == ["run-0001"]
    close(first)
    assert server(log=tmp_path).serving.bench.log.path.name == "run-0002"


def test_a_process_that_is_killed_lets_go(server, tmp_path):
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(words, stdout=subprocess.PIPE)  # noqa: S603 - our own program
    with holder, holder.stdout as said:
        assert said.readline() == b"held\n"
        with pytest.raises(EngineError, match="in use by another server"):
            server(log=tmp_path)
        holder.kill()
        holder.wait()
    assert server(log=tmp_path).sync("a fox", seed=1)["status"] == "completed"


def test_a_folder_that_cannot_be_made_is_one_line(server):
    with pytest.raises(EngineError, match="/proc/nowhere: cannot hold a log"):
        server(log=Path("/proc/nowhere"))
