"""One run of one pair, as a line of ``trials.jsonl``."""

from pathlib import Path

import msgspec

from chorus_traces.errors import EngineError


class Trial(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What one mode at one k1 made of one pair.

    ``right`` tells for every attribute of the new prompt, and for "all", whether the clip shows
    it; ``edited`` whether it shows the attribute that changed. Where no program can read the clip,
    ``right`` is empty and ``edited`` ``None``. ``psnr_db`` and ``ssim`` compare with full compute
    of the new prompt from the same noise. ``active_share`` is SRD's region. ``flop_share`` and
    ``token_share`` are of a run in full; ``denoise_s`` are CPU seconds of denoising. ``measures``
    are those that were asked for beside these, by name.
    """

    pair: int
    kind: str
    mode: str
    steps: int
    k1: int
    k2: int
    similarity: float
    words: int
    factor: float
    right: dict[str, bool]
    edited: bool | None
    psnr_db: float
    ssim: float
    active_share: float
    flop_share: float
    token_share: float
    denoise_s: float
    measures: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def judged(self) -> bool:
        """Tell whether a program has read attributes off the clip."""
        return bool(self.right)

    @property
    def acceptable(self) -> bool:
        """Tell whether every attribute of the new prompt is right."""
        return self.right["all"]


def append_trials(path: Path, trials: list[Trial]) -> None:
    """Add the trials of one pair to a file, in one write."""
    lines = b"".join(msgspec.json.encode(trial) + b"\n" for trial in trials)
    with path.open("ab") as stream:
        stream.write(lines)


def read_trials(path: Path) -> list[Trial]:
    """Return the trials of a file; a last line that was cut off is left out.

    Raises ``EngineError`` for a line that is no trial.
    """
    if not path.is_file():
        return []
    *lines, rest = path.read_bytes().split(b"\n")
    trials = []
    for number, line in enumerate(lines, start=1):
        try:
            trials.append(msgspec.json.decode(line, type=Trial))
        except msgspec.MsgspecError as error:
            raise EngineError(
                f"{path}:{number}: not a trial ({error}); start over in another folder"
            ) from error
    if rest:
        # The write was interrupted: what came after the last whole line is made again.
        path.write_bytes(b"".join(line + b"\n" for line in lines))
    return trials
