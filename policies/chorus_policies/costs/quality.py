"""The quality curve: how often a clip made with reuse still shows what its prompt asks for.

One JSON file, written by the runtime's ``quality`` from measured trials and read by the simulator,
so that every predicted saving stands beside its predicted quality. A cell counts trials of one way
of reuse at one k1 and k2, over donors of some similarity whose prompts differ in some number of
words. Nothing is read between or beyond cells: ``at`` names the cell it answers from, or says why
there is none.
"""

import importlib.resources
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_traces.errors import ProfileError, unknown

SCHEMA = "chorus.quality/1"

#: Fewer trials than this are no cell: their interval is wider than half of [0, 1].
LEAST_TRIALS = 10

#: A plan's k1 and k2, as shares of the steps, may be this far from a cell's.
NEAREST_SHARE = 0.06

#: A curve over some steps stands in for up to so many times more or fewer.
_STEPS_RATIO = 2.0

Basis = Literal["similarity and words", "similarity", "all donors"]


class QualityCell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``acceptable`` of ``trials`` at one setting.

    ``k1`` and ``k2`` are shares of ``steps``. ``similarity`` and ``words`` are the smallest and the
    largest that the cell answers for. ``basis`` says by what the trials were told apart.
    """

    mode: str
    steps: int
    k1: float
    k2: float
    similarity: tuple[float, float]
    words: tuple[int, int]
    basis: Basis
    trials: int
    acceptable: int

    def __post_init__(self) -> None:
        if not 0 <= self.acceptable <= self.trials or self.trials < 1:
            raise ValueError(
                f"acceptable is {self.acceptable} of {self.trials} trials; 0 to all of at least "
                "one are needed"
            )
        if not 0 <= self.k1 <= self.k2 <= 1 or self.steps < 1:
            raise ValueError(
                f"k1 is {self.k1} and k2 {self.k2} of {self.steps} steps; "
                "0 <= k1 <= k2 <= 1 and at least one step are needed"
            )


class Acceptable(msgspec.Struct, frozen=True, kw_only=True):
    """P(acceptable) with its 95 % Wilson interval, and the cell it comes from."""

    share: float
    low: float
    high: float
    trials: int
    basis: str


class QualityCurve(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True
):
    """Cells measured on one model.

    ``acceptable`` says in words what counts. ``settings`` are those of the engine and the study.
    """

    schema: str = SCHEMA
    model: str
    source: Literal["measured"] = "measured"
    acceptable: str
    embedder: str
    device: str
    date: str
    versions: dict[str, str]
    settings: dict[str, Any]
    cells: tuple[QualityCell, ...]

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"schema is {self.schema!r}; {SCHEMA!r} is needed")
        if not self.cells:
            raise ValueError("cells is empty; at least one cell is needed")

    def at(self, plan: Plan, steps: int, similarity: float, words: int) -> "Acceptable | str":
        """Return P(acceptable) of a plan, or why the curve does not know it.

        ``similarity`` is the donor's and ``words`` how many words differ (``differing_words``). A
        copy and full compute are answered from the cells of full compute, and so is a donor of the
        same words: going on from its latent makes the clip it was making.
        """
        mode, k1, k2 = mode_of(plan) if words else "full", 0.0, 0.0
        if isinstance(plan, Resume | Regional) and words:
            k1 = plan.k1 / steps
            k2 = plan.k2 / steps if isinstance(plan, Regional) else k1
        own_steps = self._nearest_steps(mode, steps)
        if own_steps is None:
            return f"no {mode} with about {steps} steps"
        points = self._points[mode, own_steps]
        near = min(points, key=lambda point: abs(point[0] - k1) + 0.1 * abs(point[1] - k2))
        if abs(near[0] - k1) > NEAREST_SHARE:
            return f"k1 {k1:.0%} is not measured for {mode}"
        if mode == "full":
            return _acceptable(points[near][-1])
        for cell in points[near]:
            in_words = cell.words[0] <= words <= cell.words[1]
            if in_words and cell.similarity[0] <= similarity <= cell.similarity[1]:
                return _acceptable(cell)
        return _outside(points[near][-1], similarity, words)

    def _nearest_steps(self, mode: str, steps: int) -> int | None:
        known = {own for name, own in self._points if name == mode}
        near = min(known, key=lambda own: max(own, steps) / min(own, steps), default=None)
        if near is None or max(near, steps) / min(near, steps) > _STEPS_RATIO:
            return None
        return near

    @cached_property
    def _points(self) -> "dict[tuple[str, int], dict[tuple[float, float], list[QualityCell]]]":
        """Cells by mode and steps, then by k1 and k2, the narrowest first."""
        order: tuple[Basis, ...] = ("similarity and words", "similarity", "all donors")
        points: dict[tuple[str, int], dict[tuple[float, float], list[QualityCell]]] = {}
        for cell in sorted(self.cells, key=lambda cell: order.index(cell.basis)):
            place = points.setdefault((cell.mode, cell.steps), {})
            place.setdefault((cell.k1, cell.k2), []).append(cell)
        return points


def mode_of(plan: Plan) -> str:
    """Return the curve's name for a plan's way of reuse."""
    if isinstance(plan, Regional):
        return "srd+tgaa" if plan.amplification > 1 else "srd"
    if isinstance(plan, Resume):
        return "reuse+tgaa" if plan.amplification > 1 else "reuse"
    return "full"


def reuses(plan: Plan) -> bool:
    """Tell whether a plan's clip may differ from full compute: it is no copy and not fresh."""
    return isinstance(plan, Resume | Regional) and not isinstance(plan, Fresh)


def quality_names() -> list[str]:
    """Return the names of the curves that ship."""
    return sorted(path.name.removesuffix(".json") for path in _folder().iterdir())


def load_quality(name_or_path: str) -> QualityCurve:
    """Return a curve that ships by name, or one from a file by path. Raises ``ProfileError``."""
    if "/" in name_or_path or name_or_path.endswith(".json"):
        return read_quality(Path(name_or_path))
    if name_or_path not in quality_names():
        raise ProfileError(unknown("quality curve", name_or_path, quality_names()))
    return _decoded((_folder() / f"{name_or_path}.json").read_bytes(), name_or_path)


def read_quality(path: Path) -> QualityCurve:
    """Read a curve from a file. Raises ``ProfileError`` in one line on anything else."""
    try:
        return _decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read ({error.strerror})") from error


def write_quality(curve: QualityCurve, path: Path) -> None:
    """Write a curve, one cell a line."""
    plain = msgspec.to_builtins(curve)
    cells = [msgspec.json.encode(cell).decode() for cell in plain.pop("cells")]
    head = msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
    head = head.rstrip().removesuffix("}").rstrip()
    path.write_text(
        f'{head},\n  "cells": [\n    ' + ",\n    ".join(cells) + "\n  ]\n}\n", encoding="utf-8"
    )


def _outside(widest: QualityCell, similarity: float, words: int) -> str:
    """Return which range of the cell of all donors a donor lies outside of."""
    for what, value, (low, high) in (
        ("similarity", similarity, widest.similarity),
        ("differing words", words, widest.words),
    ):
        if value < low:
            return f"{what} below {low:g} is not measured for {widest.mode}"
        if value > high:
            return f"{what} above {high:g} is not measured for {widest.mode}"
    return f"no cell of {widest.mode} holds such a donor"


def _folder() -> Any:
    return importlib.resources.files("chorus_policies.costs") / "curves"


def _decoded(content: bytes, where: str) -> QualityCurve:
    try:
        return msgspec.json.decode(content, type=QualityCurve)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{where}: not a quality curve of schema {SCHEMA}: {error}") from error


@lru_cache(maxsize=4096)
def _acceptable(cell: QualityCell) -> Acceptable:
    # scipy takes a third of a second to import, and only runs with a curve need it.
    from scipy.stats import binomtest

    ends = binomtest(cell.acceptable, cell.trials).proportion_ci(0.95, method="wilson")
    return Acceptable(
        share=cell.acceptable / cell.trials,
        low=float(ends.low),
        high=float(ends.high),
        trials=cell.trials,
        basis=cell.basis,
    )
