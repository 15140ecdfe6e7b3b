"""How much is measured, and which ways to serve are held against the published ratios."""

from dataclasses import dataclass

from chorus_runtime.evidence.headline import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured: more repeats and pairs narrow intervals and take longer."""

    repeats: int
    headline_pairs: dict[str, int]
    mask_pairs: int
    quality_pairs: dict[str, int]
    quality_k1: dict[str, tuple[int, ...]]


FULL = Sizes(
    repeats=15,
    headline_pairs={"shapes-4step": 60, "shapes": 12},
    mask_pairs=50,
    quality_pairs={"shapes-4step": 600, "shapes": 300},
    quality_k1={"shapes-4step": (1, 2, 3), "shapes": (5, 10, 15, 20, 25, 30, 35, 40)},
)

#: Enough to see that everything runs; its numbers say nothing.
TINY = Sizes(
    repeats=3,
    headline_pairs={"shapes-4step": 6, "shapes": 1},
    mask_pairs=5,
    quality_pairs={"shapes-4step": 6, "shapes": 1},
    quality_k1={"shapes-4step": (1, 2), "shapes": (25,)},
)

#: What is held against the published ratios (Chorus, arXiv 2604.04451), and what quality affords.
#: The step skip's thresholds were chosen on other pairs; a larger one skips more.
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "shapes-4step": (
        Setting(name="SRD + TGAA 1-3", k1=1, k2=3),
        Setting(name="SRD + TGAA 1-4", k1=1, k2=4, target=1.45),
        Setting(name="full reuse 1", k1=1, k2=1),
        Setting(name="full reuse 2", k1=2, k2=2, target=1.45),
        Setting(name="SRD + TGAA 2-4", k1=2, k2=4, target=1.45),
    ),
    "shapes": (
        Setting(name="SRD + TGAA 10-42", k1=10, k2=42),
        Setting(name="SRD + TGAA 28-50, no refresh", k1=28, k2=50, refresh_every=22, target=3.58),
        Setting(name="full reuse 38", k1=38, k2=38, target=3.58),
        Setting(name="step skip alone", k1=0, k2=0, skip=0.1),
        Setting(name="full reuse 10, step skip", k1=10, k2=10, skip=0.1, target=3.09),
        Setting(name="full reuse 5, step skip", k1=5, k2=5, skip=0.14, target=3.09),
    ),
}
