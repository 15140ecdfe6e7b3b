"""VBench, run out of its own environment on the clips of a study.

Huang et al., "VBench: Comprehensive Benchmark Suite for Video Generative Models", CVPR 2024. The
package ``vbench`` 0.1.5 needs numpy below 2 and transformers 4.33.2, so it cannot be installed
beside this one. A study keeps its clips in VBench's custom-input layout: one folder of MP4 files,
and the prompt of each by its file name. Dimensions that ask for VBench's own prompts are refused.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from chorus_runtime.quality.trial import Trial
from chorus_runtime.shapes.clip_io import write_mp4
from chorus_traces.errors import EngineError, unknown

#: What VBench judges without prompts of its own (``check_dimension_requires_extra_info``).
DIMENSIONS = (
    "subject_consistency",
    "background_consistency",
    "motion_smoothness",
    "dynamic_degree",
    "aesthetic_quality",
    "imaging_quality",
    "temporal_flickering",
    "temporal_style",
    "overall_consistency",
    "human_action",
)

#: The dimensions of VBench's documentation for one's own videos.
USUAL = DIMENSIONS[:6]

#: Its total is divided by this, the numbers of its single clips are not.
_SCALE = {"imaging_quality": 100.0}

_FOLDER, _CLIPS, _SCORES = "vbench", "clips", "scores.json"

_FIND = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('vbench') else 9)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFolder:
    """Where a study keeps its clips, and how they are written."""

    folder: Path
    frames_per_s: int
    scale: int

    def keep(self, pair: int, mode: str, k1: int, clip: torch.Tensor) -> None:
        """Write one clip ``(frames, height, width, 3)`` in [0, 1]."""
        path = clips_of(self.folder) / clip_name(pair, mode, k1)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mp4(path, clip, fps=self.frames_per_s, scale=self.scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class VBenchSettings:
    """``python`` is the interpreter of an environment with the package ``vbench``.

    VBench downloads the weights of each dimension to ``~/.cache/vbench`` where they are not there.
    """

    python: str
    dimensions: tuple[str, ...] = USUAL
    device: str = "cuda"

    def __post_init__(self) -> None:
        for name in self.dimensions:
            if name not in DIMENSIONS:
                raise EngineError(unknown("VBench dimension", name, DIMENSIONS))

    def check(self) -> None:
        """Raise ``EngineError`` where the interpreter does not run or has no ``vbench``."""
        answer = _call([self.python, "-c", _FIND], Path.cwd())
        if answer.returncode:
            raise EngineError(
                f"--vbench {self.python}: it has no package vbench; install that in an environment "
                "of its own (it needs numpy below 2) and name that environment's python"
            )


def clips_of(folder: Path) -> Path:
    """Return the folder of a study's clips."""
    return folder / _FOLDER / _CLIPS


def clip_name(pair: int, mode: str, k1: int) -> str:
    """Return the file name of one run's clip."""
    return f"{mode}-{k1}-{pair:06}.mp4"


def judge(folder: Path, prompts: Mapping[int, str], settings: VBenchSettings) -> None:
    """Run VBench on a study's clips and write ``vbench/scores.json``: numbers by clip.

    ``prompts`` are those of the pairs by number. Raises ``EngineError`` where there are no clips,
    a clip belongs to no pair, or VBench fails; the error ends with VBench's last line.
    """
    clips = sorted(clips_of(folder).glob("*.mp4"))
    if not clips:
        raise EngineError(
            f"{clips_of(folder)}: no clips; run the study with --vbench from the start"
        )
    out = (folder / _FOLDER).resolve()
    job = out / "job.json"
    job.write_bytes(
        msgspec.json.encode(
            {
                "videos": str(out / _CLIPS),
                "prompts": {clip.name: _prompt_of(clip, prompts) for clip in clips},
                "dimensions": settings.dimensions,
                "device": settings.device,
                "local": False,
                "out": str(out),
            }
        )
    )
    text = Path(__file__).with_name("vbench_job.py").read_text(encoding="utf-8")
    # As text: run as a file, the modules beside it would hide others of the same name.
    answer = _call([settings.python, "-c", text, str(job)], out)
    if answer.returncode:
        lines = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
        raise EngineError(f"VBench failed: {lines[-1]}; the job is {job}")
    found = _read(out / "chorus_eval_results.json", dict[str, tuple[float, list[dict[str, Any]]]])
    scores: dict[str, dict[str, float]] = {clip.name: {} for clip in clips}
    for dimension, (_, numbers) in found.items():
        for one in numbers:
            value = float(one["video_results"]) / _SCALE.get(dimension, 1.0)
            scores[Path(one["video_path"]).name][dimension] = value
    (out / _SCORES).write_bytes(msgspec.json.format(msgspec.json.encode(scores), indent=1) + b"\n")


def with_scores(folder: Path, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials with VBench's numbers among their measures, where it has judged them."""
    path = folder / _FOLDER / _SCORES
    if not path.is_file():
        return list(trials)
    scores = _read(path, dict[str, dict[str, float]])
    return [
        msgspec.structs.replace(
            trial,
            measures=trial.measures | scores.get(clip_name(trial.pair, trial.mode, trial.k1), {}),
        )
        for trial in trials
    ]


def _prompt_of(clip: Path, prompts: Mapping[int, str]) -> str:
    number = clip.stem.rpartition("-")[2]
    if not number.isdigit() or int(number) not in prompts:
        raise EngineError(f"{clip}: the clip belongs to no pair of this study; remove it")
    return prompts[int(number)]


def _call(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - the user names the interpreter
    except OSError as error:
        raise EngineError(f"--vbench {words[0]}: it cannot be run ({error.strerror})") from error


def _read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise EngineError(f"{path}: VBench left no results ({error.strerror})") from error
    except msgspec.MsgspecError as error:
        raise EngineError(f"{path}: not results of VBench ({error})") from error
