"""What all tests of serving share."""

import pytest
import torch
from unit.runtime_service.tiny_pipes import ltx_pipe, policy, wan_pipe, wan_video

from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.service import Chorus


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(before)


@pytest.fixture(name="wan_pipe")
def fixture_wan_pipe():
    return wan_pipe()


@pytest.fixture(name="ltx_pipe")
def fixture_ltx_pipe():
    return ltx_pipe()


@pytest.fixture
def serve():
    """Make services of the tiny Wan; all are closed in the end."""
    made = []

    def make(**more) -> Chorus:
        fields = {"policy": policy(), "embedder": HashedWords(), "keep_calls": True}
        made.append(Chorus(more.pop("model", wan_video()), **(fields | more)))
        return made[-1]

    yield make
    for one in made:
        one.close()
