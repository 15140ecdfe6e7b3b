"""From stretches of a prompt to its text tokens."""

from collections.abc import Sequence

import torch

from chorus_runtime.alignment.compare import Emphasis


def token_emphasis(
    emphases: Sequence[Emphasis], offsets: Sequence[tuple[int, int]], length: int
) -> torch.Tensor:
    """Return the emphasis of each text token, ``(1, length)`` in [0, 1].

    A token takes the largest emphasis it overlaps; padding (beyond ``offsets``, or with an empty
    offset) has none.
    """
    strengths = torch.zeros(1, length)
    for number, (start, end) in enumerate(offsets[:length]):
        for emphasis in emphases:
            if start < end and start < emphasis.end and emphasis.start < end:
                strengths[0, number] = max(float(strengths[0, number]), emphasis.strength)
    return strengths
