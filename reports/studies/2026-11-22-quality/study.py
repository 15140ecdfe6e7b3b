"""Quality of reuse on the shapes model, and what it costs: measures, then writes tables.

``python reports/studies/2026-11-22-quality/study.py measure`` goes on with whatever is missing
(``--chunk-minutes 9`` does it in pieces; half an hour of one CPU core in all), and ``report``
rewrites ``tables.md``, the charts, the sheets, the curve that ships
(``chorus_policies/costs/curves/shapes.json``) and the profiles that ship from what was measured.
More pairs narrow the intervals: raise ``PAIRS`` and measure again.
"""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import torch

from chorus_policies.costs.quality import write_quality
from chorus_runtime.cli.load_model import load_model
from chorus_runtime.clock import Clock
from chorus_runtime.evidence.gather import gather
from chorus_runtime.evidence.sizes import FULL
from chorus_runtime.prompt_vector import MiniLm
from chorus_runtime.quality import Study, draw_pairs, run_study
from chorus_runtime.quality.curve import curve_of
from chorus_runtime.quality.results import read_study, write_results
from chorus_runtime.quality.sheet import pair_sheet
from chorus_runtime.shapes.edit import EDITS
from chorus_traces.request import Request

HERE = Path(__file__).parent
COSTS = HERE.parents[2] / "policies" / "chorus_policies" / "costs"

STUDIES = {
    "shapes-4step": Study(model="shapes-4step", steps=4, k1=(1, 2, 3)),
    "shapes": Study(model="shapes", steps=50, k1=(5, 10, 15, 20, 30, 40)),
}
PAIRS = {"shapes-4step": 150, "shapes": 72}

ITEMS = (
    "srd-times-shapes",
    "srd-times-small-wan",
    "mask-quality",
    "profile-shapes-4step",
    "headline-shapes-4step",
    "profile-shapes",
    "headline-shapes",
)

#: k1 of the sheets of frames: early enough to hope, late enough to see what is lost.
SHEETS = {"shapes-4step": 2, "shapes": 10}


def measure(chunk_s: float | None) -> None:
    """Measure what is missing, until the time is up."""
    torch.set_num_threads(1)
    clock = Clock()

    def late() -> bool:
        return chunk_s is not None and clock.now() > chunk_s

    gather(torch.device("cpu"), HERE / "evidence", FULL, only=ITEMS, chunk_s=chunk_s)
    for name, study in STUDIES.items():
        model = load_model(name, None, "cpu").model
        run_study(study, PAIRS[name], model, MiniLm(), HERE / name, stop=late)


def report() -> None:
    """Write everything that follows from what was measured."""
    torch.set_num_threads(1)
    studies = [read_study(HERE / name) for name in STUDIES]
    summaries = {name: write_results(HERE / name) for name in STUDIES}
    for name in STUDIES:
        (HERE / name / "curve.json").unlink()
    write_quality(curve_of(studies), COSTS / "curves" / "shapes.json")
    for name, steps in (("shapes", 50), ("shapes-4step", 4)):
        measured = HERE / "evidence" / f"profile-{name}.profile.json"
        shutil.copy(measured, COSTS / "profiles" / f"shapes-{steps}step-cpu.json")
    (HERE / "tables.md").write_text("\n".join(_tables(summaries)) + "\n", encoding="utf-8")
    sheets()


def sheets() -> None:
    """Write a sheet of frames for the first pair of each kind of edit."""
    (HERE / "sheets").mkdir(exist_ok=True)
    for name, study in STUDIES.items():
        model = load_model(name, None, "cpu").model
        shape = model.shape_of(Request(id="sheet", arrival_s=0.0, prompt=""))
        for pair in draw_pairs(6, study.seed)[: len(EDITS)]:
            path = HERE / "sheets" / f"{name}-{pair.kind}.png"
            pair_sheet(study, model, shape, pair, SHEETS[name], path)


def _tables(summaries: dict[str, dict[str, Any]]) -> Iterable[str]:
    yield "# Tables of the quality study\n\nWritten by `study.py report`; do not edit.\n"
    for name, summary in summaries.items():
        yield f"## {name}: {summary['pairs']} pairs\n"
        yield from _accuracy(summary)
        yield from _by_kind(summary)
        yield from _latest(summary)
        yield from _paired(summary)
    for name in STUDIES:
        yield from _headline(name)
    for name in ("shapes", "small-wan"):
        yield from _srd_times(name)
    yield from _masks()


def _accuracy(summary: dict[str, Any]) -> Iterable[str]:
    yield "All edits (the control left out). CPU time is that of denoising, as a share.\n"
    yield "| mode | k1 | all right [95 %] | edited right | PSNR dB | SSIM | FLOPs | CPU time |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in summary["rows"]:
        if row["kind"] == "edits":
            yield (
                f"| {row['mode']} | {row['k1']} | {_share(row['acceptable'])} | "
                f"{row['edited']['share']:.2f} | {row['psnr_db']:.1f} | {row['ssim']:.2f} | "
                f"{row['flop_share']:.2f} | {row['time_share']:.2f} |"
            )
    yield ""


def _by_kind(summary: dict[str, Any]) -> Iterable[str]:
    kinds = (*EDITS, "wording")
    yield "All attributes right / the edited one right, by kind of edit.\n"
    yield f"| mode | k1 | {' | '.join(kinds)} |"
    yield "|---|---|" + "---|" * len(kinds)
    cells = {(row["mode"], row["k1"], row["kind"]): row for row in summary["rows"]}
    for mode, k1 in dict.fromkeys((row["mode"], row["k1"]) for row in summary["rows"]):
        found = (cells[mode, k1, kind] for kind in kinds)
        values = (
            f"{row['acceptable']['share']:.2f} / {row['edited']['share']:.2f}" for row in found
        )
        yield f"| {mode} | {k1} | {' | '.join(values)} |"
    yield ""


def _latest(summary: dict[str, Any]) -> Iterable[str]:
    yield "Latest k1 that keeps accuracy within so many points of full compute [95 %, bootstrap].\n"
    yield "| edits | points | reuse | + TGAA | SRD | SRD + TGAA | TGAA moves reuse by | SRD by |"
    yield "|---|---|---|---|---|---|---|---|"
    for edits, part in (("all", "latest_k1"), ("without count", "latest_k1_without_count")):
        for found in summary[part]:
            modes, moved = found["modes"], found["moved_by_tgaa"]
            cells = [
                f"{modes[mode]['k1']} {modes[mode]['interval']}"
                for mode in ("reuse", "reuse+tgaa", "srd", "srd+tgaa")
            ]
            cells += [
                f"{moved[mode]['steps']:+d} {moved[mode]['interval']}"
                for mode in ("reuse+tgaa", "srd+tgaa")
            ]
            yield f"| {edits} | {100 * found['tolerance']:.0f} | {' | '.join(cells)} |"
    yield ""


def _paired(summary: dict[str, Any]) -> Iterable[str]:
    yield "Pair by pair: clips gained and lost (all attributes right), exact sign test.\n"
    yield "| compared | k1 | gained | lost | difference | p |"
    yield "|---|---|---|---|---|---|"
    for name, rows in summary["paired"].items():
        for row in rows:
            yield (
                f"| {name} | {row['k1']} | {row['gained']} | {row['lost']} | "
                f"{row['difference']:+.3f} | {row['p_value']:.2g} |"
            )
    yield ""


def _headline(name: str) -> Iterable[str]:
    found = _evidence(f"headline-{name}")
    yield f"## End to end: {name}, {found['pairs']} pairs, medians of CPU milliseconds\n"
    yield (
        "| setting | k1 | k2 | full | served | ratio (quartiles) | FLOPs | edits right "
        "| wording right |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for embedder, rows in ((found["embedder"], found["rows"]), ("MiniLM", found["minilm"])):
        for row in rows:
            low, _, high = row["ratio_quartiles"]
            right = row["acceptable"]
            yield (
                f"| {row['setting']} ({embedder}) | {row['k1']} | {row['k2']} | "
                f"{1e3 * row['full_s']:.1f} | {1e3 * row['served_s']:.1f} | "
                f"{row['ratio_of_medians']:.2f} ({low:.2f}-{high:.2f}) | {row['flop_share']:.2f} | "
                f"{_share(right.get('edits'))} | {_share(right.get('wording'))} |"
            )
    yield "\nStages, medians in CPU milliseconds and as a share of a miss or a hit:\n"
    yield "| request | embedder | " + " | ".join(_STAGES) + " |"
    yield "|---|---|" + "---|" * len(_STAGES)
    for embedder, rows in ((found["embedder"], found["rows"]), ("MiniLM", found["minilm"])):
        yield _stages("miss", embedder, rows[0]["stages_of_a_miss_s"])
        yield _stages("hit", embedder, rows[1]["stages_of_a_hit_s"])
    yield ""


_STAGES = ("text_encode", "embed", "lookup", "load", "denoise", "vae_decode", "store")


def _stages(request: str, embedder: str, seconds: dict[str, float]) -> str:
    whole = sum(seconds.values())
    cells = (
        f"{1e3 * seconds.get(stage, 0.0):.2f} ({seconds.get(stage, 0.0) / whole:.1%})"
        for stage in _STAGES
    )
    return f"| {request} | {embedder} | {' | '.join(cells)} |"


def _srd_times(name: str) -> Iterable[str]:
    found = _evidence(f"srd-times-{name}")
    yield (
        f"## An SRD step beside a full one: {name}, {found['tokens']} tokens, width "
        f"{found['width']}, {found['layers']} layers, full step "
        f"{1e3 * found['full_step_s']:.1f} ms\n"
    )
    yield "| variant | active share | time ratio | FLOP ratio | spread |"
    yield "|---|---|---|---|---|"
    for row in found["srd"]:
        yield (
            f"| {row['variant']} | {row['active_share']:.2f} | {row['time_ratio']:.2f} | "
            f"{row['flop_ratio']:.2f} | {row['cv']:.0%} |"
        )
    shares = found["tgaa_share"]
    yield f"\nTGAA adds {shares['mask']:.1%} of a step (mask), {shares['append']:.1%} (append).\n"


def _masks() -> Iterable[str]:
    found = _evidence("mask-quality")
    yield f"## Masks against the true region, {found['pairs']} rendered donors\n"
    yield "IoU / precision / recall (share of the latent).\n"
    yield f"| mask | k1 | {' | '.join(EDITS)} |"
    yield "|---|---|" + "---|" * len(EDITS)
    cells = {(row["case"], row["k1_share"], row["kind"]): row for row in found["rows"]}
    for case, share in dict.fromkeys((row["case"], row["k1_share"]) for row in found["rows"]):
        values = (_mask(cells[case, share, kind]) for kind in EDITS)
        yield f"| {case} | {share:.0%} | {' | '.join(values)} |"


def _mask(row: dict[str, Any]) -> str:
    scores = f"{row['iou']:.2f} / {row['precision']:.2f} / {row['recall']:.2f}"
    return f"{scores} ({row['share']:.2f})"


def _share(share: dict[str, Any] | None) -> str:
    if share is None:
        return "-"
    return f"{share['share']:.2f} [{share['low']:.2f}, {share['high']:.2f}] of {share['trials']}"


def _evidence(name: str) -> dict[str, Any]:
    content = (HERE / "evidence" / f"{name}.json").read_bytes()
    values: dict[str, Any] = msgspec.json.decode(content)["values"]
    return values


if __name__ == "__main__":
    verb, *rest = sys.argv[1:] or ["report"]
    if verb == "measure":
        measure(60 * float(rest[1]) if rest[:1] == ["--chunk-minutes"] else None)
    else:
        report()
