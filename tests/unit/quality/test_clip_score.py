import json

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPModel, CLIPProcessor
from unit.quality.tiny_clip import save_clip

from chorus_runtime.quality.clip_score import ClipScore
from chorus_traces.errors import EngineError

CAPTION = "a red circle"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("clip"))


def a_clip(frames=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(frames, 24, 32, 3, generator=generator)


def cosines(folder, clip, caption):
    """Return what the model itself says, one picture at a time."""
    model, processor = CLIPModel.from_pretrained(folder), CLIPProcessor.from_pretrained(folder)
    found = []
    for frame in clip:
        picture = Image.fromarray((frame * 255).round().byte().numpy())
        inputs = processor(text=[caption], images=[picture], return_tensors="pt")
        logits = model(**inputs).logits_per_image
        found.append(float(logits / model.logit_scale.exp()))
    return found


def test_the_score_is_a_hundred_times_the_positive_cosines(folder, tmp_path):
    clip = a_clip()
    expected = cosines(folder, clip, CAPTION)
    # Of this model and of its mirror image, one has the cosines above zero.
    other = save_clip(tmp_path / "turned", sign=-1.0)
    scores = [ClipScore(str(one)).frames(clip, CAPTION) for one in (folder, other)]
    for score, sign in zip(scores, (1, -1), strict=True):
        assert score.tolist() == pytest.approx([max(0, 100 * sign * x) for x in expected], abs=1e-3)
    assert max(abs(x) for x in expected) > 0.01
    assert min(float(score.max()) for score in scores) == 0
    assert ClipScore(str(folder))(clip, clip, CAPTION) == pytest.approx(float(scores[0].mean()))


def test_another_caption_has_another_score(folder, tmp_path):
    other = save_clip(tmp_path, sign=-1.0)
    found = [
        [float(ClipScore(str(one)).frames(a_clip(), text).sum()) for text in (CAPTION, "blue")]
        for one in (folder, other)
    ]
    assert sum(found[0]) + sum(found[1]) > 0
    assert found[0][0] - found[1][0] != pytest.approx(found[0][1] - found[1][1])


def test_many_frames_are_scored_in_batches_and_long_captions_cut(folder):
    measure, clip = ClipScore(str(folder)), a_clip(frames=33)
    whole = measure.frames(clip, CAPTION)
    assert whole.shape == (33,)
    assert whole[-1:].tolist() == pytest.approx(measure.frames(clip[-1:], CAPTION).tolist())
    long = measure.frames(clip[:1], "a red circle " * 30)
    assert torch.isfinite(long).all()


def test_what_is_no_clip_model_is_an_error(folder, tmp_path):
    with pytest.raises(EngineError, match="no CLIP model could be loaded"):
        ClipScore(str(tmp_path / "nowhere"))
    other = tmp_path / "bert"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(EngineError, match="of type bert; a CLIP one is needed"):
        ClipScore(str(other))
    bare = save_clip(tmp_path / "bare")
    weights = load_file(bare / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, bare / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EngineError, match=r"1 weights are missing, visual_projection\.weight"):
        ClipScore(str(bare))
