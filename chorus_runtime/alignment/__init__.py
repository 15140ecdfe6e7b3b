"""Alignment: which words of a prompt differ from the donor's, and which text tokens they are."""

from chorus_runtime.alignment.compare import Comparer, DiffComparer, Emphasis
from chorus_runtime.alignment.novelty import (
    Embedder,
    EncodedPrompt,
    GivenStates,
    word_novelty,
)
from chorus_runtime.alignment.schedule import AmplificationSchedule, suggested_amplification
from chorus_runtime.alignment.tokens import token_emphasis
from chorus_runtime.alignment.words import Word, split_words

__all__ = [
    "AmplificationSchedule",
    "Comparer",
    "DiffComparer",
    "Embedder",
    "Emphasis",
    "EncodedPrompt",
    "GivenStates",
    "Word",
    "split_words",
    "suggested_amplification",
    "token_emphasis",
    "word_novelty",
]
