"""The study: every mode at every k1 for every pair, appended pair by pair, resumable.

A folder holds ``study.json`` (what is measured, on what) and ``trials.jsonl``. The same call again
goes on behind the last whole pair; another setting in the same folder is refused. Pairs of the
shapes world are judged by its checker; pairs of a file are compared with full compute alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import msgspec

from chorus_policies.costs.differing_words import differing_words
from chorus_runtime.masks.region import MaskSettings
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.profile.environment import device_name, versions
from chorus_runtime.prompt_vector import PromptEmbedder
from chorus_runtime.quality.beside import Beside
from chorus_runtime.quality.likeness import psnr, ssim
from chorus_runtime.quality.modes import MODES, end_of_srd, factor_of, plan_of
from chorus_runtime.quality.pairs import KINDS, Pair, draw_pairs
from chorus_runtime.quality.runner import PairRunner, Run, with_steps
from chorus_runtime.quality.text_pairs import TextPair
from chorus_runtime.quality.trial import Trial, append_trials, read_trials
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes.compare import compare
from chorus_runtime.shapes.read_video import read_video
from chorus_traces.errors import EngineError, unknown
from chorus_traces.request import Request

STUDY, TRIALS = "study.json", "trials.jsonl"

#: What may not change between calls for one folder.
_SETTLED = ("study", "guidance", "embedder", "beside", "prompts", "size")


class Study(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is measured. ``k1`` are steps; k2 is k1 and ``srd_share`` of the steps that remain.

    ``amplification`` is TGAA's factor, ``None`` for the one suggested for each k1. A larger
    ``active_share`` gives SRD more room and costs more; it is read where ``threshold`` is
    ``share``. ``donors`` are read as they were ``stored``, step by step, or ``renoised`` from their
    final latent. The remaining fields are the engine's settings of the same names.
    """

    model: str
    steps: int
    k1: tuple[int, ...]
    seed: int = 0
    modes: tuple[str, ...] = MODES[1:]
    kinds: tuple[str, ...] = KINDS
    srd_share: float = 0.7
    active_share: float = 0.25
    amplification: float | None = None
    threshold: str = "otsu"
    dilation: int = 1
    over_time: bool = False
    source: str = "velocity"
    refresh_every: int = 4
    donors: Literal["stored", "renoised"] = "stored"

    def __post_init__(self) -> None:
        for mode in self.modes:
            if mode not in MODES[1:]:
                raise EngineError(unknown("mode", mode, MODES[1:]))
        if not self.k1 or any(not 0 < one < self.steps for one in self.k1):
            raise EngineError(
                f"k1 is {list(self.k1)} of {self.steps} steps; 1 to {self.steps - 1} are needed"
            )
        if not 0 < self.srd_share <= 1 or not 0 < self.active_share <= 1:
            raise EngineError(
                f"srd_share is {self.srd_share} and active_share {self.active_share}; "
                "shares in (0, 1] are needed"
            )

    def settings(self, base: EngineSettings) -> EngineSettings:
        """Return the engine's settings for this study, on top of ``base``."""
        mask = MaskSettings(
            source=_one_of("source", self.source, ("velocity", "attention")),
            threshold=_one_of("threshold", self.threshold, ("share", "otsu")),
            dilation=self.dilation,
            over_time=self.over_time,
        )
        return replace(base, mask=mask, refresh_every=self.refresh_every)


class Header(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What a folder of trials was measured with, and where.

    ``beside`` names the measures that were asked for, each with its source, and ``vbench`` where
    clips are kept for it. ``prompts`` is the digest of the pairs of a file, ``size`` the height,
    width and frames of their clips; empty for pairs of the shapes world.
    """

    study: Study
    guidance: float
    embedder: str
    device: str
    versions: dict[str, str]
    beside: tuple[str, ...] = ()
    prompts: str = ""
    size: tuple[int, ...] = ()


def run_study(
    study: Study,
    pairs: int,
    model: VideoModel,
    embedder: PromptEmbedder,
    folder: Path,
    *,
    prompts: Sequence[TextPair] | None = None,
    request: Request | None = None,
    beside: Beside | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] | None = None,
) -> bool:
    """Run what is missing of the first ``pairs`` pairs; tell whether all are done.

    ``prompts`` are pairs of a file; ``None`` draws them from the shapes world. ``request`` states
    the size of clips, ``None`` for the model's own. ``stop`` is asked between pairs. Effects: sets
    ``model.engine.settings``. Raises ``EngineError`` where the folder holds another study.
    """
    model.engine.settings = study.settings(model.engine.settings)
    beside = beside or Beside()
    request = request or Request(id="quality", arrival_s=0.0, prompt="", steps=study.steps)
    shape = with_steps(model.shape_of(request), study.steps)
    folder.mkdir(parents=True, exist_ok=True)
    header = Header(
        study=study,
        guidance=shape.guidance,
        embedder=embedder.name,
        device=device_name(model.device),
        versions=versions(model.device),
        beside=beside.names,
        prompts="" if prompts is None else _digest(prompts),
        size=() if prompts is None else (shape.height, shape.width, shape.frames),
    )
    _settle_header(folder / STUDY, header)
    known = {trial.pair for trial in read_trials(folder / TRIALS)}
    drawn = draw_pairs(pairs, study.seed, study.kinds) if prompts is None else prompts[:pairs]
    wanted: Sequence[Pair | TextPair] = drawn
    for place, pair in enumerate(wanted):
        if progress is not None:
            progress(place, len(wanted))
        if pair.number in known:
            continue
        if stop():
            return False
        runner = PairRunner(model, shape, pair, renoised=study.donors == "renoised")
        append_trials(folder / TRIALS, list(_trials(study, runner, pair, embedder, beside)))
    if progress is not None:
        progress(len(wanted), len(wanted))
    return True


def read_header(folder: Path) -> Header:
    """Return what a folder was measured with. Raises ``EngineError`` where that is not known."""
    path = folder / STUDY
    try:
        return msgspec.json.decode(path.read_bytes(), type=Header)
    except OSError as error:
        raise EngineError(f"{path}: no study there ({error.strerror})") from error
    except msgspec.MsgspecError as error:
        raise EngineError(f"{path}: not a study: {error}") from error


def _trials(
    study: Study,
    runner: PairRunner,
    pair: Pair | TextPair,
    embedder: PromptEmbedder,
    beside: Beside,
) -> Iterator[Trial]:
    similarity = float(embedder.embed(pair.new) @ embedder.embed(pair.old))
    words = differing_words(pair.new, pair.old)

    def trial(mode: str, k1: int, k2: int, factor: float, run: Run) -> Trial:
        right, edited = _judged(pair, run)
        facts, full = run.generated.facts, runner.full_run.clip
        if beside.clips is not None:
            beside.clips.keep(pair.number, mode, k1, run.clip)
        return Trial(
            pair=pair.number,
            kind=pair.kind,
            mode=mode,
            steps=study.steps,
            k1=k1,
            k2=k2,
            similarity=round(similarity, 4),
            words=words,
            factor=factor,
            right=right,
            edited=edited,
            psnr_db=round(psnr(run.clip, full), 2),
            ssim=round(ssim(run.clip, full), 4),
            active_share=round(facts.active_share, 4),
            flop_share=round(facts.flop_share, 4),
            token_share=round(facts.token_share, 4),
            denoise_s=round(run.denoise_s, 5),
            measures={one.name: round(one(run.clip, full, pair.new), 4) for one in beside.measures},
        )

    yield trial("full", 0, 0, 1.0, runner.full_run)
    for k1 in study.k1:
        for mode in study.modes:
            k2 = end_of_srd(k1, study.steps, study.srd_share) if mode.startswith("srd") else k1
            amplified = mode.endswith("tgaa") and pair.new != pair.old
            factor = factor_of(study.amplification, k1, study.steps) if amplified else 1.0
            plan = plan_of(mode, k1, k2, study.active_share, factor)
            yield trial(mode, k1, k2, factor, runner.reuse(plan, factor))


def _judged(pair: Pair | TextPair, run: Run) -> tuple[dict[str, bool], bool | None]:
    """Return what is right about a clip, and whether the edited attribute is."""
    if isinstance(pair, TextPair):
        return {}, None
    right = compare(pair.scene, read_video(run.clip))
    return right, right["all" if pair.kind == "wording" else pair.kind]


def _digest(prompts: Sequence[TextPair]) -> str:
    return sha256(msgspec.json.encode(list(prompts))).hexdigest()[:16]


def _settle_header(path: Path, header: Header) -> None:
    if path.is_file():
        before = read_header(path.parent)
        if any(getattr(before, name) != getattr(header, name) for name in _SETTLED):
            raise EngineError(
                f"{path}: the folder holds another study; take its settings, or another folder"
            )
        return
    path.write_bytes(msgspec.json.format(msgspec.json.encode(header), indent=2) + b"\n")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise EngineError(unknown(name, value, known))
    return value
