"""How new each word is, by its contextual state: a reworded prompt is not a new one.

Novelty is one minus the largest cosine with any word of the other prompt. Contextual states are
needed: input embeddings see "aerial" and "drone shot" as strangers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from chorus_runtime.alignment.words import Word
from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPrompt:
    """A prompt, where its text tokens stand in it, and their contextual states.

    ``offsets`` has a (start, end) for each token, equal for tokens that stand for nothing (start,
    end, padding); ``states`` is ``(text tokens, width)``. The request's own text encoder states
    serve, and so do those of a small sentence model.
    """

    prompt: str
    offsets: tuple[tuple[int, int], ...]
    states: torch.Tensor

    def __post_init__(self) -> None:
        if self.states.ndim != 2 or self.states.shape[0] < len(self.offsets):
            raise EngineError(
                f"states of shape {tuple(self.states.shape)} for {len(self.offsets)} tokens; "
                "(text tokens, width) is needed"
            )


class Embedder(Protocol):
    """Encodes a prompt into contextual states."""

    def encode(self, prompt: str) -> EncodedPrompt:
        """Return the prompt's tokens and their states."""


class GivenStates:
    """An embedder of prompts that are encoded already: by the request's own text encoder, say."""

    def __init__(self, *encoded: EncodedPrompt) -> None:
        self._encoded = {one.prompt: one for one in encoded}

    def encode(self, prompt: str) -> EncodedPrompt:
        """Return the prompt's states. Raises ``EngineError`` for a prompt that was not given."""
        if prompt not in self._encoded:
            raise EngineError(f"no states were given for the prompt {prompt[:60]!r}; encode it")
        return self._encoded[prompt]


def tokens_of(word: Word, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the numbers of the tokens that overlap the word."""
    return [
        number
        for number, (start, end) in enumerate(offsets)
        if start < end and start < word.end and word.start < end
    ]


def word_novelty(
    new_words: Sequence[Word],
    new: EncodedPrompt,
    old_words: Sequence[Word],
    old: EncodedPrompt,
) -> list[float]:
    """Return the novelty of each new word, in [0, 1]; 1 where the old prompt has no word.

    A word without a token (cut off by the encoder) has novelty 0: nothing of it can be amplified.
    """
    theirs = [state for word in old_words if (state := _state(word, old)) is not None]
    known = torch.stack(theirs) if theirs else None
    novelty = []
    for word in new_words:
        state = _state(word, new)
        if state is None:
            novelty.append(0.0)
        elif known is None:
            novelty.append(1.0)
        else:
            novelty.append(min(1.0, max(0.0, 1.0 - float((known @ state).max()))))
    return novelty


def _state(word: Word, encoded: EncodedPrompt) -> torch.Tensor | None:
    """Return the word's mean state at length 1."""
    tokens = tokens_of(word, encoded.offsets)
    if not tokens:
        return None
    mean = encoded.states[tokens].float().mean(dim=0)
    return mean / mean.norm().clamp(min=1e-12)
