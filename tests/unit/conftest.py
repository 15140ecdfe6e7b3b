import pytest
from command_line import Answer, chorus_sim


@pytest.fixture
def sim(capfd, monkeypatch, tmp_path):
    """Call the command line in an empty folder with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path / "kept"))

    def call(*words: object) -> Answer:
        return chorus_sim(capfd, monkeypatch, *words)

    return call
