import gc

import pytest
import torch
from PIL import Image

from chorus_runtime.shapes import (
    read_mp4,
    read_video,
    render,
    scene_of_text,
    write_mp4,
    write_sheet,
)
from chorus_traces.errors import EngineError

# imageio-ffmpeg leaves the pipes of a process that ended by itself to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def pipes_are_collected_here():
    """Keep the warning out of the tests that follow."""
    yield
    gc.collect()


def test_a_clip_survives_the_mp4_file(tmp_path):
    clip = render(scene_of_text("any text at all"), 1).frames
    write_mp4(tmp_path / "clip.mp4", clip)
    back = read_mp4(tmp_path / "clip.mp4")
    assert back.shape == clip.shape
    assert -10 * torch.log10((back - clip).square().mean()) > 25
    assert read_video(back) == read_video(clip)


def test_a_sheet_has_a_row_for_each_clip(tmp_path):
    clips = [render(scene_of_text(text), 0).frames for text in ("one", "two")]
    write_sheet(tmp_path / "sheet.png", clips, scale=1)
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size == (8 * 34, 2 * 34)


def test_a_file_that_is_no_clip_is_refused(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"not a clip")
    with pytest.raises(EngineError, match="not a readable clip"):
        read_mp4(tmp_path / "clip.mp4")
