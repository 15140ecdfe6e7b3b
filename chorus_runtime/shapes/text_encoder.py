"""The text encoder: a word table, positions and two transformer layers.

It is trained together with the video transformer. Padding comes out as zeros, as Wan's text states
do.
"""

import torch
from torch import nn

from chorus_runtime.shapes.tokenizer import LENGTH, VOCABULARY


class TextEncoder(nn.Module):  # type: ignore[misc]  # torch is untyped for mypy in this project
    """Maps token ids (batch, LENGTH) to states (batch, LENGTH, width)."""

    def __init__(self, width: int, layers: int = 2) -> None:
        super().__init__()
        self.words = nn.Embedding(len(VOCABULARY), width)
        self.positions = nn.Parameter(torch.zeros(LENGTH, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                nhead=4,
                dim_feedforward=2 * width,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.words.weight, std=0.5)
        nn.init.normal_(self.positions, std=0.1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the states; rows of padding are zero."""
        padding = ids == 0
        states = self.words(ids) + self.positions
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=padding)
        return self.norm(states) * ~padding[..., None]
