"""What cannot be served ends with one line and code 2, before anything is loaded or listened to."""

import socket
import sys

import pytest
from redis_server import REDIS, Redis

from chorus_runtime.cli.main import main
from chorus_runtime.server.listen import bound
from chorus_traces.errors import EngineError


@pytest.fixture
def refused(capfd, monkeypatch):
    def run(*words):
        fixed = ["--model", "fake", "--port", "0", "--embedder", "hashed-words"]
        engine = [] if "--engine" in words else ["--engine", "fake:0"]
        monkeypatch.setattr(sys, "argv", ["chorus-runtime", "serve", *fixed, *engine, *words])
        with pytest.raises(SystemExit) as stop:
            main()
        (line,) = capfd.readouterr().err.strip().splitlines()
        assert stop.value.code == 2
        assert line.startswith("chorus-runtime: ")
        return line

    return run


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (("--policy", "adaptiv"), "unknown policy 'adaptiv'"),
        (("--tenants-file", "nowhere.toml"), "not a keys file"),
        (("--engine", "fake:x"), "fake engine 'x'"),
        (("--engine", "fake:-1"), "fake engine '-1'"),
        (("--engine", "real"), "belong together"),
        (("--weights", "w"), "--weights is for the shapes model"),
        (("--engine", "reel"), "engine is 'reel'"),
        (("--engine", "paced:0.1"), "belong together"),
        (("--capacity", "much"), "'much'"),
        (("--capacity", "disk=1GiB"), "store folder"),
        (("--capacity", "1KiB"), "capacity of host is 1,024 B, smaller than one entry"),
        (("--capacity", "1KiB", "--policy", "adaptive"), "in form 'renoised'); give at least 1MiB"),
        (("--keep-videos", "none"), "--keep-videos"),
        (("--keep-s", "nan"), "'--keep-s': 'nan' is not a finite number"),
        (("--hang-after", "inf"), "'--hang-after': 'inf' is not a finite number"),
        (("--host", "256.1.1.1"), "cannot be listened on"),
        (("--steps", "5000"), "steps is 5000"),
        (("--ray", "127.0.0.1:1"), "no cluster answers"),
        (("--ray", "here:there"), "not an address"),
        (("--log", "/proc/nowhere"), "cannot hold a log"),
    ],
)
def test_what_cannot_be_served_is_one_line(refused, words, needed):
    assert needed in refused(*words)


def test_a_port_in_use_is_one_line(refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port} cannot be listened on" in refused("--port", str(port))
        with pytest.raises(EngineError, match="cannot be listened"):
            bound("127.0.0.1", port)


def test_a_store_in_use_is_one_line(refused, server, tmp_path):
    server(store=tmp_path / "store")
    assert "in use by another process" in refused("--store", str(tmp_path / "store"))


@pytest.mark.skipif(REDIS is None, reason="no redis-server is installed")
def test_a_shared_store_in_use_is_one_line(refused, server, tmp_path):
    redis = Redis(tmp_path)
    server(store=redis.url)
    assert "in use by another server (process " in refused("--store", redis.url)
    redis.kill()


def test_a_missing_package_names_the_extra(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert "pip install 'chorus-cache[serve]'" in refused()
