"""Put processors into a model for a while, and take them out again whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chorus_runtime.attention.state import AttentionState


@contextmanager
def installed(pairs: list[tuple[Any, Any]], state: AttentionState) -> Iterator[None]:
    """Let attention modules obey ``state`` inside the block; ``pairs`` come from the adapter.

    After it, also after an exception, the very processors of before are back and the stored keys
    and values are gone.
    """
    before = [(attention, attention.get_processor()) for attention, _ in pairs]
    try:
        for attention, processor in pairs:
            attention.set_processor(processor)
        yield
    finally:
        for attention, processor in before:
            attention.set_processor(processor)
        state.forget()
