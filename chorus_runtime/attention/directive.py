"""What the processors are to do in the next forward pass. Pure data."""

from dataclasses import dataclass
from typing import Literal

import torch

KeysValues = Literal["off", "record", "reuse"]
Implementation = Literal["mask", "append"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBias:
    """TGAA: how much more attention each text token gets, and from which video tokens.

    ``log_factor`` is ``(batch or 1, text tokens)``, the logarithm of the factor on a token's
    attention weight. ``rows`` is ``(computed tokens,)`` in [0, 1] and scales it for each video
    token; ``None`` is one everywhere. ``mask`` adds it to the logits, ``append`` carries it in an
    extra channel of queries and keys for kernels that take no mask.
    """

    log_factor: torch.Tensor
    rows: torch.Tensor | None
    implementation: Implementation


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Sum attention probabilities over groups of text tokens, in the layers named.

    ``groups`` is ``(text tokens, groups)``, one where a token belongs to a group.
    """

    groups: torch.Tensor
    layers: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """One forward pass: its guidance branch, stored keys and values, amplification, maps.

    ``record`` keeps the self-attention keys and values of all tokens; ``reuse`` overwrites those
    of the tokens ``index`` and attends to all. ``capture`` and ``bias`` act on cross-attention.
    """

    branch: str = "conditional"
    keys_values: KeysValues = "off"
    index: torch.Tensor | None = None
    bias: TokenBias | None = None
    capture: Capture | None = None


#: The stock model.
IDLE = Directive()
