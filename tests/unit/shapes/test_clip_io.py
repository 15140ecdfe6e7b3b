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


def test_an_odd_size_is_refused_in_one_line(tmp_path):
    with pytest.raises(EngineError, match="a clip of 7x8 pixels cannot be encoded"):
        write_mp4(tmp_path / "clip.mp4", torch.zeros(8, 8, 7, 3), scale=1)
    assert not (tmp_path / "clip.mp4").exists()
