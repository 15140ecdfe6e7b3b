"""The pieces of evidence, in the order they are gathered: the cheap ones first.

Each is measured by the same code as elsewhere (profiler, study, service) and returns plain values.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from chorus_policies.costs.flops import Transformer
from chorus_policies.costs.profile import write_profile
from chorus_runtime.cli.load_model import load_model
from chorus_runtime.clock import cpu_time
from chorus_runtime.evidence.headline import headline
from chorus_runtime.evidence.mask_quality import mask_quality
from chorus_runtime.evidence.sizes import SETTINGS, Sizes
from chorus_runtime.evidence.srd_times import srd_times
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.profile.measure import measure_profile
from chorus_runtime.profile.pieces import Paused, Pieces
from chorus_runtime.profile.random_wan import RandomWan
from chorus_runtime.prompt_vector import HashedWords, MiniLm
from chorus_runtime.quality.pairs import draw_pairs
from chorus_runtime.quality.results import write_results
from chorus_runtime.quality.study import Study, run_study
from chorus_runtime.shapes.edit import EDITS
from chorus_runtime.shapes.weights import load_shapes
from chorus_traces.request import Request

#: A model between the shapes world and a real one: small enough for a CPU, attention matters.
_SMALL = Transformer(layers=4, width=256, feed_forward=1024, text_tokens=64, text_width=256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Where and how: the device, the folder of results, and when to stop."""

    device: torch.device
    folder: Path
    sizes: Sizes
    stop: Callable[[], bool]

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Count CPU seconds on a CPU, which others may use as well; wall seconds on a GPU."""
        with cpu_time() if self.device.type == "cpu" else nullcontext():
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of evidence. ``take`` returns its values; raises ``Paused`` to be called again."""

    name: str
    needs_cuda: bool
    take: Callable[[Setup], dict[str, Any]]


def items() -> list[Item]:
    """Return all items in order."""
    found = [
        Item(name="gpu-tests", needs_cuda=True, take=_gpu_tests),
        Item(name="srd-times-shapes", needs_cuda=False, take=_srd_times_shapes),
        Item(name="srd-times-small-wan", needs_cuda=False, take=_srd_times_small),
        Item(name="mask-quality", needs_cuda=False, take=_mask_quality),
    ]
    for name in ("shapes-4step", "shapes"):
        found.append(Item(name=f"profile-{name}", needs_cuda=False, take=_profile_shapes(name)))
        found.append(Item(name=f"headline-{name}", needs_cuda=False, take=_headline(name)))
    for model in ("wan2.1-1.3b", "wan2.1-14b"):
        for size in ((480, 832), (720, 1280)):
            where = f"{model}-{size[0]}p"
            found.append(
                Item(name=f"srd-times-{where}", needs_cuda=True, take=_srd_times_wan(model, size))
            )
            found += [
                Item(
                    name=f"profile-{where}-{steps}step",
                    needs_cuda=True,
                    take=_profile_wan(model, size, steps),
                )
                for steps in (50, 4)
            ]
    found += [
        Item(
            name=f"headline-wan2.1-1.3b-480p-{steps}step",
            needs_cuda=True,
            take=_headline_wan(steps),
        )
        for steps in (4, 50)
    ]
    return found + [
        Item(name=f"quality-{name}", needs_cuda=False, take=_quality(name))
        for name in ("shapes-4step", "shapes")
    ]


def _gpu_tests(setup: Setup) -> dict[str, Any]:
    """Run the tests that need a GPU, out of the checkout."""
    del setup
    if not Path("tests").is_dir():
        return {"ran": False, "reason": "no folder tests here; run it in the repository"}
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-n", "0", "tests"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return {"ran": True, "exit": done.returncode, "tail": done.stdout.splitlines()[-12:]}


def _srd_times_shapes(setup: Setup) -> dict[str, Any]:
    model = _shapes("shapes", setup)
    with setup.timing():
        return srd_times(model, model.shape_of(_asks()), setup.sizes.repeats)


def _srd_times_small(setup: Setup) -> dict[str, Any]:
    model = RandomWan("small-wan", setup.device, sizes=_SMALL)
    shape = model.shape_of(_asks(height=192, width=192, frames=17, guidance=1.0))
    with setup.timing():
        return srd_times(model, shape, setup.sizes.repeats)


def _srd_times_wan(model: str, size: tuple[int, int]) -> Callable[[Setup], dict[str, Any]]:
    def take(setup: Setup) -> dict[str, Any]:
        wan = RandomWan(model, setup.device)
        shape = wan.shape_of(_asks(height=size[0], width=size[1], guidance=1.0))
        # A step of the largest takes tens of seconds: three repeats, two variants.
        return srd_times(wan, shape, 3, variants=("stale_kv", "isolated"))

    return take


def _mask_quality(setup: Setup) -> dict[str, Any]:
    model = _shapes("shapes", setup)
    pairs = draw_pairs(setup.sizes.mask_pairs, 7, EDITS)
    rows = mask_quality(model, load_shapes("50step", str(setup.device)), pairs, (0.1, 0.2, 0.4))
    return {"pairs": len(pairs), "rows": rows}


def _profile_shapes(name: str) -> Callable[[Setup], dict[str, Any]]:
    def take(setup: Setup) -> dict[str, Any]:
        model = _shapes(name, setup)
        return _profile(setup, f"profile-{name}", model, _asks(), setup.sizes.repeats)

    return take


def _profile_wan(
    model: str, size: tuple[int, int], steps: int
) -> Callable[[Setup], dict[str, Any]]:
    def take(setup: Setup) -> dict[str, Any]:
        wan = RandomWan(model, setup.device)
        asks = _asks(height=size[0], width=size[1], steps=steps, guidance=5.0 if steps > 8 else 1.0)
        name = f"profile-{model}-{size[0]}p-{steps}step"
        return _profile(setup, name, wan, asks, 3, unmeasured=frozenset({"text_encode"}))

    return take


def _profile(
    setup: Setup,
    name: str,
    model: VideoModel,
    asks: Request,
    repeats: int,
    unmeasured: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    from chorus_runtime.profile.assume import assumed_stages

    shape = model.shape_of(asks)
    kept = setup.folder / f"{name}.pieces.json"
    with setup.timing():
        measured = measure_profile(
            model,
            shape,
            MiniLm(),
            repeats=repeats,
            assumed=assumed_stages(shape, unmeasured),
            note="CPU seconds" if setup.device.type == "cpu" else "random weights",
            pieces=Pieces(kept, setup.stop),
        )
    found = measured.profile
    if measured.noisy:
        noise = f"{found.note}; noisy: {', '.join(measured.noisy)}"
        found = msgspec.structs.replace(found, note=noise)
    write_profile(found, setup.folder / f"{name}.profile.json")
    kept.unlink(missing_ok=True)
    return {"profile": msgspec.to_builtins(found), "noisy": list(measured.noisy)}


def _headline(name: str) -> Callable[[Setup], dict[str, Any]]:
    def take(setup: Setup) -> dict[str, Any]:
        model = _shapes(name, setup)
        steps = model.shape_of(_asks()).steps
        pairs = draw_pairs(setup.sizes.headline_pairs[name], 11)
        rows = headline(SETTINGS[name], steps, model, HashedWords(), pairs)
        sentences, few = MiniLm(), pairs[: max(2, len(pairs) // 6)]
        sentences.embed("prime")
        same = headline(SETTINGS[name][1:2], steps, model, sentences, few)
        return {"pairs": len(pairs), "embedder": "hashed words", "rows": rows, "minilm": same}

    return take


def _headline_wan(steps: int) -> Callable[[Setup], dict[str, Any]]:
    def take(setup: Setup) -> dict[str, Any]:
        model = RandomWan("wan2.1-1.3b", setup.device)
        settings = SETTINGS["shapes-4step" if steps == 4 else "shapes"]
        pairs = draw_pairs(3 if steps == 4 else 1, 11)
        rows = headline(settings, steps, model, MiniLm(), pairs, judged=False)
        return {"pairs": len(pairs), "quality": "random weights have none", "rows": rows}

    return take


def _quality(name: str) -> Callable[[Setup], dict[str, Any]]:
    def take(setup: Setup) -> dict[str, Any]:
        model = _shapes(name, setup)
        study = Study(
            model=name,
            steps=model.shape_of(_asks()).steps,
            k1=setup.sizes.quality_k1[name],
        )
        folder = setup.folder / f"quality-{name}"
        pairs = setup.sizes.quality_pairs[name]
        if not run_study(study, pairs, model, MiniLm(), folder, stop=setup.stop):
            raise Paused
        summary = write_results(folder)
        return {"pairs": summary["pairs"], "latest_k1": summary["latest_k1"]}

    return take


def _shapes(name: str, setup: Setup) -> VideoModel:
    return load_model(name, None, str(setup.device)).model


def _asks(**stated: Any) -> Request:
    return Request(id="evidence", arrival_s=0.0, prompt="", **stated)
