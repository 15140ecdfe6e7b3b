"""SRD from renoised donors against stored ones: pair by pair, and down chains of edits.

``python reports/studies/2026-11-22-quality/renoised.py`` goes on with whatever is missing (twenty
minutes of one CPU core in all) and rewrites ``renoised.md``. Pairs are those of ``study.py``, so
full compute and the donors are the same runs. In a chain each clip is made from the one before it
by SRD with TGAA, the colour, shape, motion or background changed in turn; counts, which no early
reuse survives, are left out. Chains of stored and of renoised donors begin with the same clip.
"""

import itertools
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import torch

from chorus_policies.plan import Fresh, Plan, Regional
from chorus_runtime.alignment.compare import DiffComparer
from chorus_runtime.alignment.tokens import token_emphasis
from chorus_runtime.cli.load_model import load_model
from chorus_runtime.donor import Donor
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.models.video_model import EncodedText, VideoModel
from chorus_runtime.prompt_vector import MiniLm
from chorus_runtime.quality import Study, read_trials, run_study
from chorus_runtime.quality.latest import paired_difference
from chorus_runtime.quality.modes import end_of_srd, factor_of, plan_of
from chorus_runtime.quality.runner import with_steps
from chorus_runtime.quality.table import share_of
from chorus_runtime.quality.trial import Trial
from chorus_runtime.shapes.caption import PHRASINGS, caption
from chorus_runtime.shapes.compare import compare
from chorus_runtime.shapes.edit import edit
from chorus_runtime.shapes.read_video import read_video
from chorus_runtime.shapes.scene import Scene, draw_scene
from chorus_runtime.store.kept import LATENT_DTYPE
from chorus_traces.request import Request

HERE = Path(__file__).parent
STUDIES = {
    "shapes-4step": Study(model="shapes-4step", steps=4, k1=(1, 2, 3), donors="renoised"),
    "shapes": Study(model="shapes", steps=50, k1=(5, 10, 15, 20, 30, 40), donors="renoised"),
}
PAIRS = {"shapes-4step": 150, "shapes": 35}

#: Chains, links of each, and the k1 tried.
CHAINS = {"shapes-4step": 200, "shapes": 40}
CHAIN_K1 = {"shapes-4step": (1,), "shapes": (5, 10, 15)}
LINKS = 4
EDITS = ("colour", "shape", "motion", "background")
_SEED = 77

#: Chains of which the frames are shown, and at which k1.
SHEETS = (0, 1)
SHEET_K1 = {"shapes-4step": 1, "shapes": 10}


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One clip of a chain: whether all attributes are right. Link 0 is computed in full."""

    chain: int
    link: int
    donors: str
    k1: int
    right: bool
    active_share: float = 0.0


class Chain:
    """A chain of captions on one model."""

    def __init__(self, model: VideoModel, study: Study, number: int) -> None:
        rng = np.random.default_rng([_SEED, number])
        said = int(rng.integers(PHRASINGS))
        self.scenes = [draw_scene(rng, pairs=0.5, sized=0.0)]
        for link in range(LINKS):
            self.scenes.append(edit(self.scenes[-1], EDITS[(number + link) % len(EDITS)], rng))
        plain = model.shape_of(Request(id="chain", arrival_s=0.0, prompt="", steps=study.steps))
        self._shape = with_steps(plain, study.steps)
        guided = self._shape.guidance > 1
        self._texts = [
            model.encode(caption(scene, said), None, guided=guided) for scene in self.scenes
        ]
        self._model, self._study, self._number = model, study, number

    def links(self, k1s: Iterable[int]) -> Iterator[Link]:
        """Yield what full compute makes of each caption, then each chain."""
        every = range(self._study.steps + 1)
        first, *others = (
            self._run(text, Fresh(reason="full"), record=every if not place else ())
            for place, text in enumerate(self._texts)
        )
        for link, made in enumerate((first, *others)):
            yield self._link(link, "full", 0, made)
        for k1, donors in itertools.product(k1s, ("stored", "renoised")):
            made = first
            for link in range(1, LINKS + 1):
                made = self._next(link, made, k1, donors)
                yield self._link(link, donors, k1, made)

    def clips(self, k1: int) -> dict[str, list[torch.Tensor]]:
        """Return the clips of all links, ``(frames, height, width, 3)``, by what donors were."""
        every = range(self._study.steps + 1)
        full = [self._run(text, Fresh(reason="full"), record=every) for text in self._texts]
        made = {"full compute": full}
        for donors in ("stored", "renoised"):
            made[donors] = [full[0]]
            for link in range(1, LINKS + 1):
                made[donors].append(self._next(link, made[donors][-1], k1, donors))
        return {name: [self._clip(one) for one in chain] for name, chain in made.items()}

    def _next(self, link: int, before: Generated, k1: int, donors: str) -> Generated:
        steps, text = self._study.steps, self._texts[link]
        factor = factor_of(None, k1, steps)
        k2 = end_of_srd(k1, steps, self._study.srd_share)
        plan = plan_of("srd+tgaa", k1, k2, self._study.active_share, factor)
        stored = before.trajectory.donor()
        latents = {sigma: one.to(LATENT_DTYPE) for sigma, one in stored.latents.items()}
        donor = replace(stored, latents=latents)
        if donors == "renoised" and isinstance(plan, Regional):
            plan = msgspec.structs.replace(plan, renoised=True)
            donor = Donor(finished=before.latents.to(LATENT_DTYPE), seed=self._number)
        emphasis = token_emphasis(
            DiffComparer().compare(text.prompt, self._texts[link - 1].prompt),
            text.offsets or (),
            text.text.states.shape[1],
        )
        record = range(k1, steps + 1)
        return self._run(
            text, plan, donor=donor, emphasis=emphasis, amplification=factor, record=record
        )

    def _run(
        self, text: EncodedText, plan: Plan, *, record: Iterable[int] = (), **more: object
    ) -> Generated:
        shape, model = self._shape, self._model
        timing = model.timing(shape)
        return model.engine.generate(
            Generation(
                latent_shape=model.latent_shape(shape),
                text_states=text.text,
                negative_states=text.negative,
                plan=plan,
                steps=shape.steps,
                seed=self._number,
                guidance=shape.guidance,
                sigmas=timing.sigmas,
                mu=timing.mu,
                record_steps=tuple(record),
                **more,
            )
        )

    def _link(self, link: int, donors: str, k1: int, made: Generated) -> Link:
        clip = self._clip(made)
        return Link(
            chain=self._number,
            link=link,
            donors=donors,
            k1=k1,
            right=_right(self.scenes[link], clip),
            active_share=round(made.facts.active_share, 4),
        )

    def _clip(self, made: Generated) -> torch.Tensor:
        return torch.from_numpy(self._model.decode(made.latents, "np")[0])


def main() -> None:
    """Measure what is missing and write the table."""
    torch.set_num_threads(1)
    text = ["# SRD from renoised donors\n\nWritten by `renoised.py`; do not edit.\n"]
    for name, study in STUDIES.items():
        model = load_model(name, None, "cpu").model
        folder = HERE / f"{name}-renoised"
        run_study(study, PAIRS[name], model, MiniLm(), folder)
        links = chains(model, study, folder / "chains.jsonl", CHAINS[name], CHAIN_K1[name])
        text += [f"## {name}\n", *_pairs(name), *_chains(links, CHAIN_K1[name])]
        for number in SHEETS:
            chain = Chain(model, study, number)
            path = HERE / "sheets" / f"chain-{name}-{number}.png"
            chain_sheet(chain, SHEET_K1[name], path)
    (HERE / "renoised.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def chains(
    model: VideoModel, study: Study, path: Path, count: int, k1s: Iterable[int]
) -> list[Link]:
    """Run the chains that are missing, and return all."""
    model.engine.settings = study.settings(model.engine.settings)
    known = _read(path)
    done = {link.chain for link in known}
    for number in range(count):
        if number in done:
            continue
        made = list(Chain(model, study, number).links(k1s))
        with path.open("ab") as stream:
            stream.write(b"".join(msgspec.json.encode(link) + b"\n" for link in made))
        known += made
    return known


def chain_sheet(chain: Chain, k1: int, path: Path) -> None:
    """Write the middle frame of every link, and whether all attributes of its clip are right."""
    from matplotlib.figure import Figure

    made = chain.clips(k1)
    figure = Figure(figsize=(2.1 * (LINKS + 1), 2.3 * len(made)), layout="constrained")
    panels = figure.subplots(len(made), LINKS + 1)
    for line, (name, clips) in zip(panels, made.items(), strict=True):
        line[0].set_ylabel(name)
        for panel, clip, scene in zip(line, clips, chain.scenes, strict=True):
            panel.imshow(clip[len(clip) // 2].numpy(), interpolation="nearest")
            panel.set_xticks([])
            panel.set_yticks([])
            words = textwrap.fill(caption(scene, 0), 30)
            panel.set_title(f"{words}\n{'right' if _right(scene, clip) else 'wrong'}", fontsize=7)
    figure.savefig(path, dpi=100)


def _read(path: Path) -> list[Link]:
    if not path.is_file():
        return []
    return [msgspec.json.decode(line, type=Link) for line in path.read_bytes().splitlines()]


def _right(scene: Scene, clip: torch.Tensor) -> bool:
    return compare(scene, read_video(clip))["all"]


def _pairs(name: str) -> Iterator[str]:
    """Compare every mode at every k1 with the same mode from stored donors."""
    stored = read_trials(HERE / name / "trials.jsonl")
    renoised = read_trials(HERE / f"{name}-renoised" / "trials.jsonl")
    pairs = {trial.pair for trial in renoised}
    kept = [trial for trial in stored if trial.pair in pairs and trial.kind != "wording"]
    other = [_renamed(trial) for trial in renoised if trial.kind != "wording"]
    both = kept + [trial for trial in other if trial.mode != "full renoised"]
    yield "Pairs (edits alone): clips with all attributes right, exact sign test.\n"
    yield "| mode | k1 | pairs | stored | renoised | gained | lost | p | region | renoised |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for mode in ("reuse", "reuse+tgaa", "srd", "srd+tgaa"):
        for k1 in sorted({trial.k1 for trial in kept if trial.mode == mode}):
            found = paired_difference(both, f"{mode} renoised", mode, k1)
            one, two = (_of(both, name, k1) for name in (mode, f"{mode} renoised"))
            yield (
                f"| {mode} | {k1} | {len(one)} | {sum(t.acceptable for t in one)} | "
                f"{sum(t.acceptable for t in two)} | {found['gained']} | {found['lost']} | "
                f"{found['p_value']:.2g} | {_mean(one):.2f} | {_mean(two):.2f} |"
            )
    yield ""


def _renamed(trial: Trial) -> Trial:
    return msgspec.structs.replace(trial, mode=f"{trial.mode} renoised")


def _of(trials: list[Trial], mode: str, k1: int) -> list[Trial]:
    return [trial for trial in trials if trial.mode == mode and trial.k1 == k1]


def _mean(trials: list[Trial]) -> float:
    return float(np.mean([trial.active_share for trial in trials]))


def _chains(links: list[Link], k1s: Iterable[int]) -> Iterator[str]:
    """Compare the links of chains; intervals are 95 % (Wilson)."""
    found = {(one.k1, one.donors, one.link, one.chain): one.right for one in links}
    numbers = sorted({one.chain for one in links})
    yield "Chains: clips with all attributes right by link; gained and lost against stored.\n"
    yield "| k1 | link | chains | full compute | stored | renoised | gained | lost |"
    yield "|---|---|---|---|---|---|---|---|"
    for k1, link in itertools.product(k1s, range(1, LINKS + 1)):
        full, stored, renoised = (
            [found[at, donors, link, number] for number in numbers]
            for at, donors in ((0, "full"), (k1, "stored"), (k1, "renoised"))
        )
        gained = sum(two and not one for one, two in zip(stored, renoised, strict=True))
        lost = sum(one and not two for one, two in zip(stored, renoised, strict=True))
        yield (
            f"| {k1} | {link} | {len(numbers)} | {_share(full)} | {_share(stored)} | "
            f"{_share(renoised)} | {gained} | {lost} |"
        )
    yield ""


def _share(verdicts: list[bool]) -> str:
    found = share_of(verdicts)
    return f"{found['share']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


if __name__ == "__main__":
    main()
