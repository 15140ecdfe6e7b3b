"""Words to numbers, with the place of each word in its text.

The vocabulary is the grammar of the captions; every other word is the one unknown word.
"""

import re
from dataclasses import dataclass
from typing import Final

import torch

from chorus_runtime.shapes.attributes import BACKGROUNDS, COLOURS, MOTIONS, SHAPES

LENGTH: Final = 24
_PAD, _START, _UNKNOWN = 0, 1, 2
_PLAIN = re.findall(
    r"\w+",
    "a above at backdrop background beside big checkered drifting front going in large moves "
    "moving next of on over rest small standing staying stays tiny to with",
)
VOCABULARY: Final = (
    "<pad>",
    "<start>",
    "<unknown>",
    *sorted({*_PLAIN, *COLOURS, *SHAPES, *MOTIONS, *BACKGROUNDS}),
)
_NUMBER: Final = {word: number for number, word in enumerate(VOCABULARY)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """``ids`` (LENGTH,) int64, zero past the end; ``offsets`` (start, stop) of each token.

    The start token stands at position 0 with the empty offset (0, 0).
    """

    ids: torch.Tensor
    offsets: tuple[tuple[int, int], ...]


class Tokenizer:
    """Splits a text into lower-case words; words past ``LENGTH`` - 1 are cut off."""

    def encode(self, text: str) -> Encoded:
        """Return the token ids of a text and where each token lies in it."""
        ids, offsets = [_START], [(0, 0)]
        for match in re.finditer(r"[a-z0-9]+", text.lower()):
            if len(ids) == LENGTH:
                break
            ids.append(_NUMBER.get(match.group(), _UNKNOWN))
            offsets.append(match.span())
        padded = torch.zeros(LENGTH, dtype=torch.int64)
        padded[: len(ids)] = torch.tensor(ids)
        return Encoded(ids=padded, offsets=tuple(offsets))

    def batch(self, texts: list[str]) -> torch.Tensor:
        """Return the token ids (texts, LENGTH) of many texts."""
        return torch.stack([self.encode(text).ids for text in texts])
