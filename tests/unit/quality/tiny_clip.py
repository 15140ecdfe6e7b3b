"""A CLIP model with random weights, saved as released ones are."""

import json
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel

SIDE, TOKENS = 16, 12
START, END = "<|startoftext|>", "<|endoftext|>"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MERGES = ("r e", "re d</w>", "c i", "ci r", "c l", "cl e</w>", "cir cle</w>", "b l", "u e</w>")


def save_clip(folder: Path, *, sign: float = 1.0) -> Path:
    """Save model, vocabulary and preprocessor; ``sign`` turns the pictures' side of space."""
    folder.mkdir(parents=True, exist_ok=True)
    merged = ["".join(pair.split()) for pair in MERGES]
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), *merged, START, END]
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS})
    )
    # As openai/clip-vit-base-patch32 has it, but for the size.
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "crop_size": SIDE,
                "do_center_crop": True,
                "do_normalize": True,
                "do_resize": True,
                "feature_extractor_type": "CLIPFeatureExtractor",
                "image_mean": [0.48145466, 0.4578275, 0.40821073],
                "image_std": [0.26862954, 0.26130258, 0.27577711],
                "resample": 3,
                "size": SIDE,
            }
        )
    )
    small = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    torch.manual_seed(0)
    model = CLIPModel(
        CLIPConfig(
            projection_dim=8,
            text_config={
                **small,
                "vocab_size": len(words),
                "max_position_embeddings": TOKENS,
                "bos_token_id": len(words) - 2,
                "eos_token_id": len(words) - 1,
                "pad_token_id": len(words) - 1,
            },
            vision_config={**small, "image_size": SIDE, "patch_size": 8},
        )
    )
    with torch.no_grad():
        model.visual_projection.weight.mul_(sign)
    model.save_pretrained(folder)
    return folder
