"""Where a prompt's text tokens stand in it."""

from typing import Any


def token_offsets(tokenizer: Any, prompt: str, length: int) -> tuple[tuple[int, int], ...] | None:
    """Return the (start, end) of each token, ``None`` where the tokenizer cannot tell.

    Tokens that stand for nothing (the end of the text) have an empty one. ``length`` is where the
    text encoder cuts.
    """
    if not getattr(tokenizer, "is_fast", False):
        return None
    read = tokenizer(prompt, truncation=True, max_length=length, return_offsets_mapping=True)
    return tuple((int(start), int(end)) for start, end in read["offset_mapping"])
