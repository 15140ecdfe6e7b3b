"""From trials to the quality curve that the simulator reads."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from chorus_policies.costs.quality import LEAST_TRIALS, Basis, QualityCell, QualityCurve
from chorus_runtime.clock import today
from chorus_runtime.quality.study import Header
from chorus_runtime.quality.trial import Trial

#: Edges of the similarity classes: those of the bands that policies ship with.
_SIMILARITIES = (-1.0, 0.80, 0.90, 0.95, 1.0001)

#: Largest number of differing words of each class.
_WORDS = (1, 3, 10**6)

_ACCEPTABLE = (
    "every attribute of the new prompt is right, read by a program; one clip for each pair"
)


def curve_of(studies: Sequence[tuple[Header, Sequence[Trial]]]) -> QualityCurve:
    """Return one curve over studies of one model family, each with its own number of steps.

    A class of similarity and words, or of similarity alone, that holds fewer than ``LEAST_TRIALS``
    trials makes no cell. What all donors together came to is a cell from the smallest to the
    largest similarity that was measured.
    """
    cells: list[QualityCell] = []
    for header, trials in studies:
        groups: dict[tuple[str, int, int], list[Trial]] = defaultdict(list)
        for trial in trials:
            groups[trial.mode, trial.k1, trial.k2].append(trial)
        for (mode, k1, k2), group in sorted(groups.items()):
            steps = header.study.steps
            cells += _cells(group, mode=mode, steps=steps, k1=k1 / steps, k2=k2 / steps)
    header = studies[0][0]
    return QualityCurve(
        model=header.study.model.removesuffix("-4step"),
        acceptable=_ACCEPTABLE,
        embedder=header.embedder,
        device=header.device,
        date=today(),
        versions=header.versions,
        settings={
            str(one.study.steps): msgspec.json.decode(msgspec.json.encode(one.study))
            for one, _ in studies
        },
        cells=tuple(cells),
    )


def _cells(group: list[Trial], **place: Any) -> Iterable[QualityCell]:
    classes = list(pairwise(_SIMILARITIES))
    yield _cell(group, "all donors", place)
    if place["mode"] == "full":
        return
    for low, high in classes:
        alike = [trial for trial in group if low <= trial.similarity < high]
        yield from _if_enough(alike, "similarity", place)
        for fewest, most in zip((0, *(one + 1 for one in _WORDS)), _WORDS, strict=False):
            both = [trial for trial in alike if fewest <= trial.words <= most]
            yield from _if_enough(both, "similarity and words", place)


def _if_enough(group: list[Trial], basis: Basis, place: dict[str, Any]) -> Iterable[QualityCell]:
    if len(group) >= LEAST_TRIALS:
        yield _cell(group, basis, place)


def _cell(group: list[Trial], basis: Basis, place: dict[str, Any]) -> QualityCell:
    """Return the cell of a group; it answers for the span of what the group holds."""
    similarities = [trial.similarity for trial in group]
    words = [trial.words for trial in group]
    return QualityCell(
        **place,
        similarity=(round(min(similarities), 4), round(max(similarities), 4)),
        words=(min(words), max(words)),
        basis=basis,
        trials=len(group),
        acceptable=sum(trial.acceptable for trial in group),
    )
