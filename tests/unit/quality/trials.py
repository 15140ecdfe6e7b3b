"""Trials made up for tests of what is made of them."""

from chorus_runtime.quality.trial import Trial


def trial(pair: int, mode: str, k1: int, *, right: bool, **fields) -> Trial:
    kind = fields.pop("kind", "colour")
    known = {
        "similarity": 0.85,
        "words": 1,
        "factor": 1.0,
        "psnr_db": 20.0,
        "ssim": 0.5,
        "active_share": 0.0,
        "flop_share": 1 - k1 / 50,
        "token_share": 1 - k1 / 50,
        "denoise_s": 1 - k1 / 50,
        "k2": k1,
    }
    return Trial(
        pair=pair,
        kind=kind,
        mode=mode,
        steps=50,
        k1=k1,
        right={kind: right, "all": right},
        edited=right,
        **(known | fields),
    )


def made(right_up_to: dict[str, int], pairs: int = 40, k1s=(10, 20, 30), **fields) -> list[Trial]:
    """Return trials of ``pairs`` pairs; each mode is right up to its k1 and wrong after it."""
    trials = [trial(pair, "full", 0, right=True, **fields) for pair in range(pairs)]
    for mode, last in right_up_to.items():
        trials += [
            trial(pair, mode, k1, right=k1 <= last, **fields) for pair in range(pairs) for k1 in k1s
        ]
    return trials
