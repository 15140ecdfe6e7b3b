"""The region SRD computes: from a score to the numbers of the tokens, and the weights of the seam.

The paper does not say how its masks are formed (Chorus, arXiv 2604.04451); this is our own: cells
from coarse to fine, a threshold for each request, dilation, and a cap beyond which everything is
computed because a region that large saves little.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from chorus_runtime.masks.cells import over_time, pool_cells
from chorus_runtime.masks.edges import dilate, feather
from chorus_runtime.masks.threshold import above_share, otsu
from chorus_traces.errors import EngineError

#: Halvings of the threshold's share until the region holds the share asked for.
_HALVINGS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSettings:
    """How a score becomes a region.

    ``source`` is ``velocity``, ``attention`` or ``segmenter``. ``threshold`` is ``otsu``: the score
    alone decides, and the plan's share is a forecast; or ``share``: the finished region, dilation
    included, holds at most that share, so it costs what was planned and leaves out what does not
    fit (a new background, a second figure). ``cells`` are sides of squares, a token
    is in the region when the mean of each of its squares passes: larger ones drop specks.
    ``over_time`` takes one region for all frames: dearer, steadier, for things that move.
    ``dilation`` in tokens gives moved edges room and costs tokens. ``seam`` in tokens blends
    towards the donor inside the region's edge. ``cap`` is the share above which SRD is not worth
    it: at 0.75 a step costs three quarters of a full one.
    """

    source: Literal["velocity", "attention", "segmenter"] = "velocity"
    threshold: Literal["share", "otsu"] = "otsu"
    cells: tuple[int, ...] = (2, 1)
    over_time: bool = False
    dilation: int = 1
    seam: int = 0
    cap: float = 0.75

    def __post_init__(self) -> None:
        if not self.cells or any(cell not in (1, 2, 4) for cell in self.cells):
            raise EngineError(f"cells are {self.cells}; some of 1, 2 and 4 are needed")
        if self.dilation < 0 or self.seam < 0:
            raise EngineError(
                f"dilation is {self.dilation} and seam {self.seam}; 0 or more tokens are needed"
            )
        if not 0 < self.cap <= 1:
            raise EngineError(f"cap is {self.cap}; a share in (0, 1] is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The tokens SRD computes.

    ``mask`` is boolean ``(frames, rows, columns)``; ``weights``, of the same shape, is how much of
    the run's own latent is taken: 0 outside, 1 inside, between at a seam that ``is_soft``.
    ``index`` holds the token numbers, rising.
    """

    mask: torch.Tensor
    weights: torch.Tensor
    index: torch.Tensor
    is_soft: bool

    @property
    def share(self) -> float:
        """Share of the tokens inside."""
        return float(self.index.numel() / self.mask.numel())


def find_region(score: torch.Tensor, share: float, settings: MaskSettings) -> Region:
    """Return the region of a score ``(frames, rows, columns)``.

    ``share`` is the plan's, used by the threshold of that name. The region may be empty (a score
    of zero everywhere) or exceed the cap (a score that is high everywhere): the caller decides
    what that means. Raises ``EngineError`` on a score that is not finite.
    """
    if not bool(torch.isfinite(score).all()):
        raise EngineError("the mask's score is not finite; the donor or the model's output is bad")
    if settings.over_time:
        score = over_time(score)
    levels = [pool_cells(score, cell) for cell in settings.cells]
    if bool((score == score.flatten()[0]).all()):
        mask = score > 0
    elif settings.threshold == "otsu":
        mask = _grown([level > otsu(level) for level in levels], settings)
    else:
        mask = _of_share(levels, share, settings)
    return Region(
        mask=mask,
        weights=feather(mask, settings.seam),
        index=mask.flatten().nonzero()[:, 0],
        is_soft=settings.seam > 0,
    )


def _of_share(levels: list[torch.Tensor], share: float, settings: MaskSettings) -> torch.Tensor:
    """Return the largest grown mask that holds at most ``share`` of the tokens.

    Masks of rising shares contain each other, so halving finds it. Where none but the empty mask
    fits (equal scores are taken together, margins are wide), the smallest larger one is returned:
    what must differ must not vanish.
    """
    low, high = 0.0, 1.0
    fitting = exceeding = torch.zeros_like(levels[0], dtype=torch.bool)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        mask = _grown([above_share(level, middle) for level in levels], settings)
        if int(mask.sum()) > share * mask.numel():
            exceeding, high = mask, middle
        else:
            fitting, low = mask, middle
    return fitting if bool(fitting.any()) else exceeding


def _grown(masks: list[torch.Tensor], settings: MaskSettings) -> torch.Tensor:
    return dilate(torch.stack(masks).all(dim=0), settings.dilation)
