"""A small quality curve: it knows full compute and some SRD."""

from collections.abc import Sequence
from pathlib import Path

from chorus_policies.costs.quality import QualityCell, QualityCurve, write_quality

#: Mode, k1, k2 and acceptable clips of a hundred: the bands of ``lru``, a later k1 being worse.
LATER_IS_WORSE = (
    ("full", 0.0, 0.0, 98),
    ("srd+tgaa", 0.2, 0.7, 90),
    ("srd+tgaa", 0.3, 0.8, 80),
    ("srd+tgaa", 0.4, 0.8, 60),
)


def write_small_curve(
    path: Path, cells: Sequence[tuple[str, float, float, int]] = LATER_IS_WORSE
) -> None:
    """Write a curve of these cells, measured on the shapes model."""
    made = [
        QualityCell(
            mode=mode,
            steps=50,
            k1=k1,
            k2=k2,
            similarity=(0.0, 1.0),
            words=(0, 1000),
            basis="all donors",
            trials=100,
            acceptable=acceptable,
        )
        for mode, k1, k2, acceptable in cells
    ]
    curve = QualityCurve(
        model="shapes",
        acceptable="right colour",
        embedder="any",
        device="cpu",
        date="2026-01-01",
        versions={},
        settings={},
        cells=tuple(made),
    )
    write_quality(curve, path)
