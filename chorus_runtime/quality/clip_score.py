"""CLIP score: how well a clip shows what its caption says, by a CLIP model the user names.

Hessel, Holtzman, Forbes, Le Bras, Choi, "CLIPScore: A Reference-free Evaluation Metric for Image
Captioning", EMNLP 2021; scaled by 100 instead of 2.5 and without a prefix before the caption, as
torchmetrics does, and averaged over the frames of a clip.
"""

from typing import Any

import numpy as np
import torch

from chorus_traces.errors import EngineError

#: Frames in one pass of the vision tower. More is faster on a GPU and takes more memory.
_BATCH = 32


class ClipScore:
    """100 times the cosine of each frame and the caption, at least 0; the mean over frames.

    ``source`` is a folder or a name on the hub, loaded with transformers. Captions longer than the
    model's positions (77 tokens for the released ones) are cut there. Raises ``EngineError`` where
    the model cannot be loaded, is no CLIP model, or lacks weights.
    """

    name = "clip_score"

    def __init__(self, source: str, device: str | torch.device = "cpu") -> None:
        self.source = source
        self._device = torch.device(device)
        self._model, self._processor = _load(source)
        self._model.to(self._device).eval()
        self._tokens = self._model.config.text_config.max_position_embeddings

    def __call__(self, clip: torch.Tensor, full: torch.Tensor, caption: str) -> float:
        """Return the score of a clip in [0, 100]; ``full`` is not looked at."""
        del full
        return float(self.frames(clip, caption).mean())

    def frames(self, clip: torch.Tensor, caption: str) -> torch.Tensor:
        """Return the score of every frame of a clip ``(frames, height, width, 3)`` in [0, 1]."""
        pixels = (clip.clamp(0, 1) * 255).round().byte().cpu().numpy()
        return torch.cat(
            [
                self._score(list(pixels[start : start + _BATCH]), caption)
                for start in range(0, len(pixels), _BATCH)
            ]
        )

    def _score(self, images: list[np.ndarray[Any, Any]], caption: str) -> torch.Tensor:
        inputs = self._processor(
            text=[caption],
            images=images,
            return_tensors="pt",
            truncation=True,
            max_length=self._tokens,
            input_data_format="channels_last",
        ).to(self._device)
        with torch.no_grad():
            found = self._model(**inputs)
        images_at = torch.nn.functional.normalize(found.image_embeds.float(), dim=-1)
        text_at = torch.nn.functional.normalize(found.text_embeds.float(), dim=-1)
        return (100 * (images_at @ text_at[0])).clamp(min=0).cpu()


def _load(source: str) -> tuple[Any, Any]:
    from transformers import AutoConfig, CLIPModel, CLIPProcessor

    try:
        kind = AutoConfig.from_pretrained(source).model_type
        if kind != "clip":
            raise EngineError(f"--clip {source}: the model is of type {kind}; a CLIP one is needed")
        model, report = CLIPModel.from_pretrained(source, output_loading_info=True)
        processor = CLIPProcessor.from_pretrained(source)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise EngineError(
            f"--clip {source}: no CLIP model could be loaded ({reason}); give the folder or the "
            "hub name of one that transformers loads, like openai/clip-vit-base-patch32"
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise EngineError(
            f"--clip {source}: {len(missing)} weights are missing, {missing[0]} first; "
            "get the whole model"
        )
    return model, processor
