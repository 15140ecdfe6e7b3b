"""The velocity of one request: its expert models, its guidance branches, and what they cost.

Classifier-free guidance (arXiv 2207.12598) runs the model for the prompt and for the negative
prompt. Only the prompt's branch is amplified and mapped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec
import torch
from torch.nn import functional

from chorus_policies.costs.flops import forward_flops
from chorus_runtime.adapters.adapter import Adapter, TextStates
from chorus_runtime.attention.directive import Directive, TokenBias
from chorus_runtime.attention.state import AttentionState
from chorus_runtime.step_skip import SkipSettings, StepSkip
from chorus_traces.errors import EngineError

Skipping = Literal["off", "allowed", "must_compute"]


@dataclass(slots=True, kw_only=True)
class Spent:
    """What was computed so far: tokens through the blocks, FLOPs, passes whose blocks were skipped.

    A token counts once for every forward pass and latent of the batch. ``whole_tokens`` are those
    the same passes have, computed or not. ``keys_values_bytes`` is the most that was stored at
    once.
    """

    tokens: int = 0
    whole_tokens: int = 0
    flops: float = 0.0
    skipped_passes: int = 0
    keys_values_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """One model with its attention state, its guidance, and a step skip for each branch."""

    adapter: Adapter
    state: AttentionState
    guidance: float
    skips: dict[str, StepSkip] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Branch:
    """One forward pass of a step; ``copies`` is how often the latents are in it."""

    name: str
    text: TextStates
    copies: int
    amplified: bool


class Guided:
    """Computes velocities for one request.

    ``negative`` is read where an expert's guidance is above 1. ``batched`` runs both branches as
    one batch.
    """

    def __init__(
        self,
        experts: Sequence[Expert],
        text: TextStates,
        negative: TextStates | None,
        *,
        batched: bool,
        skip: SkipSettings,
    ) -> None:
        self.experts = tuple(experts)
        self.spent = Spent()
        self._skip = skip
        plain = _Branch(name="conditional", text=text, copies=1, amplified=True)
        self._plain: tuple[_Branch, ...] = (plain,)
        self._guided: tuple[_Branch, ...] = self._plain
        if negative is not None and batched:
            if negative.states.shape != text.states.shape:
                raise EngineError(
                    f"text states are {tuple(text.states.shape)} and negative ones "
                    f"{tuple(negative.states.shape)}; one batch needs equal shapes: pad them, or "
                    "take guidance_passes='two'"
                )
            both = TextStates(
                states=torch.cat([text.states, negative.states]),
                valid=torch.cat([text.valid, negative.valid]),
            )
            self._guided = (_Branch(name="both", text=both, copies=2, amplified=True),)
        elif negative is not None:
            other = _Branch(name="unconditional", text=negative, copies=1, amplified=False)
            self._guided = (plain, other)

    def velocity(
        self,
        expert: Expert,
        latents: torch.Tensor,
        timestep: torch.Tensor,
        directive: Directive,
        skipping: Skipping,
    ) -> torch.Tensor:
        """Return the guided velocity in float32, in the latent's shape.

        Where ``directive`` has an index, only those tokens are computed and the rest is zero.
        """
        branches = self._guided if expert.guidance > 1 else self._plain
        parts: list[torch.Tensor] = []
        for branch in branches:
            repeated = latents if branch.copies == 1 else torch.cat([latents, latents])
            order = _for_branch(directive, branch)
            with expert.state.directed(order):
                out = self._pass(expert, repeated, timestep, branch, order.index, skipping)
            parts.extend(out.float().chunk(branch.copies))
        if directive.keys_values == "record":
            stored = sum(one.state.stored_bytes for one in self.experts)
            self.spent.keys_values_bytes = max(self.spent.keys_values_bytes, stored)
        if len(parts) == 1:
            return parts[0]
        conditional, unconditional = parts
        return unconditional + expert.guidance * (conditional - unconditional)

    def _pass(
        self,
        expert: Expert,
        latents: torch.Tensor,
        timestep: torch.Tensor,
        branch: _Branch,
        index: torch.Tensor | None,
        skipping: Skipping,
    ) -> torch.Tensor:
        adapter = expert.adapter
        tokens = adapter.grid(latents.shape).tokens
        self.spent.whole_tokens += latents.shape[0] * tokens
        if index is not None:
            stale = expert.state.directive.keys_values == "reuse"
            self._spend(expert, branch, latents.shape[0], index.numel(), tokens, stale=stale)
            return adapter.subset(latents, timestep, branch.text, index)
        if skipping == "off":
            self._spend(expert, branch, latents.shape[0], tokens, tokens, stale=False)
            return adapter.full(latents, timestep, branch.text)
        skip = expert.skips.setdefault(branch.name, StepSkip(self._skip))
        before = skip.skipped
        passage = adapter.passage(latents, timestep, branch.text)
        out = skip.velocity(passage, must_compute=skipping == "must_compute")
        if skip.skipped > before:
            self.spent.skipped_passes += 1
        else:
            self._spend(expert, branch, latents.shape[0], tokens, tokens, stale=False)
        return out

    def _spend(
        self,
        expert: Expert,
        branch: _Branch,
        sequences: int,
        computed: int,
        tokens: int,
        *,
        stale: bool,
    ) -> None:
        self.spent.tokens += sequences * computed
        self.spent.flops += sequences * pass_flops(
            expert.adapter, computed, tokens if stale else computed, branch.text.states.shape[1]
        )


def pass_flops(adapter: Adapter, computed: int, attended: int, text_tokens: int) -> float:
    """Return the FLOPs of one forward of one latent over ``computed`` tokens."""
    sizes = msgspec.structs.replace(adapter.sizes(), text_tokens=text_tokens)
    return sum(forward_flops(sizes, computed, attended))


def _for_branch(directive: Directive, branch: _Branch) -> Directive:
    """Return the directive of one branch: the negative prompt is neither amplified nor mapped."""
    if not branch.amplified:
        return replace(directive, branch=branch.name, bias=None, capture=None)
    bias = directive.bias
    if bias is not None and branch.copies == 2:
        half = branch.text.states.shape[0] // 2
        log_factor = bias.log_factor.expand(half, -1)
        bias = TokenBias(
            log_factor=functional.pad(log_factor, (0, 0, 0, half)),
            rows=bias.rows,
            implementation=bias.implementation,
        )
    return replace(directive, branch=branch.name, bias=bias)
