"""A small quality curve: it knows full compute and SRD at the bands of ``lru``."""

from pathlib import Path

from chorus_policies.costs.quality import QualityCell, QualityCurve, write_quality


def write_small_curve(path: Path) -> None:
    """Write a curve in which a later k1 is worse."""
    cells = [
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
        for mode, k1, k2, acceptable in (
            ("full", 0.0, 0.0, 98),
            ("srd+tgaa", 0.2, 0.7, 90),
            ("srd+tgaa", 0.3, 0.8, 80),
            ("srd+tgaa", 0.4, 0.8, 60),
        )
    ]
    made = QualityCurve(
        model="shapes",
        acceptable="right colour",
        embedder="any",
        device="cpu",
        date="2026-01-01",
        versions={},
        settings={},
        cells=tuple(cells),
    )
    write_quality(made, path)
