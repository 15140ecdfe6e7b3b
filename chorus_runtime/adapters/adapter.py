"""What the engine asks of a model family: a grid, a full forward, a forward over some tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from chorus_policies.costs.flops import Transformer
from chorus_runtime.attention.state import AttentionState
from chorus_runtime.grid import TokenGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStates:
    """What the text encoder made of the prompts.

    ``states`` is ``(batch, text tokens, width)``. ``valid`` is ``(batch, text tokens)`` with 1 for
    tokens the model may attend to; it is all ones for families that attend to padding (Wan).
    """

    states: torch.Tensor
    valid: torch.Tensor

    @staticmethod
    def of(states: torch.Tensor) -> "TextStates":
        """Return ``states`` with every token attended to."""
        return TextStates(states=states, valid=torch.ones(states.shape[:2], device=states.device))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One forward pass taken apart, for those who skip its blocks.

    ``hidden`` is ``(batch, tokens, width)`` before the first block. ``signal()`` is the first
    block's modulated input, of the same shape; ``blocks()`` runs all blocks over ``hidden``;
    ``output(hidden)`` turns what the blocks left into the velocity, in latent shape.
    """

    hidden: torch.Tensor
    signal: Callable[[], torch.Tensor]
    blocks: Callable[[], torch.Tensor]
    output: Callable[[torch.Tensor], torch.Tensor]


class Adapter(Protocol):
    """One model, seen as velocity over tokens.

    Latents are ``(batch, channels, frames, height, width)``; ``timestep`` is a scalar tensor as
    the scheduler gives it; ``index`` holds the numbers of the computed tokens, rising.
    """

    model: Any
    family: str

    @property
    def channels(self) -> int:
        """Channels of the model's latents."""

    def sizes(self) -> Transformer:
        """Return the sizes the FLOP formula needs."""

    def grid(self, latent_shape: Sequence[int]) -> TokenGrid:
        """Return the token grid. Raises ``EngineError`` on a latent the model cannot take."""

    def full(self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates) -> torch.Tensor:
        """Return the velocity of the whole latent by the model's own forward."""

    def subset(
        self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates, index: torch.Tensor
    ) -> torch.Tensor:
        """Return the velocity where ``index`` says, in latent shape, zero elsewhere."""

    def passage(self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates) -> Passage:
        """Return a full forward taken apart."""

    def processors(self, state: AttentionState) -> list[tuple[Any, Any]]:
        """Return ``(attention module, processor that obeys state)`` for every attention.

        Raises ``EngineError`` where a module carries a processor that would be lost.
        """


def scatter(rows: torch.Tensor, index: torch.Tensor, tokens: int) -> torch.Tensor:
    """Return ``(batch, tokens, values)`` with ``rows`` at ``index`` and zero elsewhere."""
    whole = rows.new_zeros(rows.shape[0], tokens, rows.shape[2])
    return whole.index_copy_(1, index, rows)
