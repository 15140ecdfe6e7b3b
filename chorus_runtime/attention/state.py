"""What all processors of one model share: the directive, stored keys and values, attention maps."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from chorus_runtime.attention.directive import IDLE, Directive
from chorus_traces.errors import EngineError


class AttentionState:
    """State of one request on one model.

    Stored keys and values take ``2 * layers * tokens * width`` numbers for each guidance branch.
    ``storage_dtype`` (``torch.float8_e4m3fn``, say) makes them smaller and less exact; ``None``
    keeps the model's own.
    """

    def __init__(self, storage_dtype: torch.dtype | None = None) -> None:
        self.directive = IDLE
        self._storage_dtype = storage_dtype
        self._stored: dict[tuple[str, int], tuple[torch.Tensor, torch.Tensor]] = {}
        self._map_sum: torch.Tensor | None = None
        self._map_heads = 0

    @contextmanager
    def directed(self, directive: Directive) -> Iterator[None]:
        """Let the processors obey ``directive`` inside the block; stock again after it."""
        self.directive = directive
        try:
            yield
        finally:
            self.directive = IDLE

    def exchange(
        self, layer: int, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the keys and values to attend to, both ``(batch, tokens, heads, channels)``.

        While recording, those of all tokens are kept. While reusing, the rows of the computed
        tokens overwrite the kept ones and all rows are returned. Raises ``EngineError`` when
        nothing fitting was recorded.
        """
        directive = self.directive
        place = (directive.branch, layer)
        if directive.keys_values == "record":
            dtype = self._storage_dtype or key.dtype
            self._stored[place] = (key.to(dtype).contiguous(), value.to(dtype).contiguous())
            return key, value
        stored, index = self._stored.get(place), directive.index
        if stored is None or index is None:
            raise EngineError(
                f"layer {layer}, {directive.branch} branch: no keys and values were recorded; "
                "a full step must come first"
            )
        for kept, fresh in zip(stored, (key, value), strict=True):
            expected = (kept.shape[0], index.shape[0], *kept.shape[2:])
            if tuple(fresh.shape) != expected:
                raise EngineError(
                    f"layer {layer}: got keys of shape {tuple(fresh.shape)}, {expected} is needed "
                    "by those recorded"
                )
            kept[:, index] = fresh.to(kept.dtype)
        return stored[0].to(key.dtype), stored[1].to(value.dtype)

    def add_map(self, sums: torch.Tensor) -> None:
        """Add one layer's probabilities ``(batch, tokens, heads, groups)``."""
        layer_sum = sums.float().sum(2)
        self._map_sum = layer_sum if self._map_sum is None else self._map_sum + layer_sum
        self._map_heads += sums.shape[2]

    def take_map(self) -> torch.Tensor:
        """Return the mean map ``(batch, tokens, groups)`` over layers and heads, and forget it.

        Raises ``EngineError`` when none was captured.
        """
        if self._map_sum is None:
            raise EngineError("no attention map was captured; direct a forward to capture one")
        mean = self._map_sum / self._map_heads
        self._map_sum, self._map_heads = None, 0
        return mean

    @property
    def stored_bytes(self) -> int:
        """Bytes of the stored keys and values."""
        pairs = self._stored.values()
        return sum(part.numel() * part.element_size() for pair in pairs for part in pair)

    def forget(self) -> None:
        """Drop stored keys and values and maps: their memory is free again."""
        self._stored.clear()
        self._map_sum, self._map_heads = None, 0
